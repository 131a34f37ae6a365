import path from 'node:path'
import { createPipelineClient, type PipelineClient } from '@millrace/local-stack/pipeline-client.ts'
import { type Stack, type StackOptions, startStack } from '@millrace/local-stack/stack.ts'
import { type SourceDatabase, startSourceDatabase } from './source-database.ts'

export type TestStack = {
  readonly stack: Stack
  readonly pipeline: PipelineClient
  readonly source: SourceDatabase
}

export type TestStackOptions = Pick<StackOptions, 'counts' | 'env' | 'partitions' | 'say'>

/** Settings with which a dead member of a group or holder of a lease is noticed soon; the defaults suit networks, not tests. */
export const quickToNotice: NonNullable<StackOptions['env']> = {
  transformer: { MILLRACE_SESSION_TIMEOUT_MS: '3000' },
  loader: { MILLRACE_SESSION_TIMEOUT_MS: '3000' },
  extractor: { MILLRACE_LEASE_MS: '3000', MILLRACE_CHUNK_ROWS: '20000' },
}

/** Starts a small stack and a source database below a folder; when one of them does not start, both are ended. */
export async function startTestStack(dir: string, options: TestStackOptions = {}): Promise<TestStack> {
  const [stack, source] = await Promise.allSettled([
    startStack({ partitions: 4, ...options, dir: path.join(dir, 'stack'), kafkaHeapMb: 512 }),
    startSourceDatabase(path.join(dir, 'source')),
  ])
  if (stack.status === 'fulfilled' && source.status === 'fulfilled') {
    return { stack: stack.value, source: source.value, pipeline: createPipelineClient(stack.value) }
  }
  for (const part of [stack, source]) if (part.status === 'fulfilled') await part.value.stop()
  throw stack.status === 'rejected' ? stack.reason : (source as PromiseRejectedResult).reason
}
