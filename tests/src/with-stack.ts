import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before } from 'node:test'
import { createPipelineClient, type PipelineClient } from '@millrace/local-stack/pipeline-client.ts'
import { type Stack, type StackOptions, startStack } from '@millrace/local-stack/stack.ts'
import { type SourceDatabase, startSourceDatabase } from './source-database.ts'

export type TestStack = {
  readonly stack: Stack
  readonly pipeline: PipelineClient
  readonly source: SourceDatabase
}

export type TestStackOptions = Pick<StackOptions, 'counts' | 'env' | 'partitions'>

const START_MS = 180_000

/**
 * Starts a small stack and a source database before the tests of a file and ends both after them. The parts of what is returned can be
 * read inside of tests only. MILLRACE_KEEP=1 leaves data and logs where they are and says where.
 */
export function withStack(options: TestStackOptions = {}): TestStack {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-test-'))
  let stack: Stack | undefined
  let source: SourceDatabase | undefined

  before(
    async () => {
      const [first, second] = await Promise.allSettled([
        startStack({ partitions: 4, ...options, dir: path.join(dir, 'stack'), kafkaHeapMb: 512, shortLived: true }),
        startSourceDatabase(path.join(dir, 'source')),
      ])
      if (first.status === 'fulfilled') stack = first.value
      if (second.status === 'fulfilled') source = second.value
      for (const result of [first, second]) if (result.status === 'rejected') throw result.reason
    },
    { timeout: START_MS },
  )
  after(async () => {
    await Promise.all([stack?.stop(), source?.stop()])
    if (process.env.MILLRACE_KEEP === '1') console.error(`kept: ${dir}`)
    else rmSync(dir, { recursive: true, force: true })
  })
  const started = <T>(part: T | undefined): T => {
    if (part === undefined) throw new Error('The stack is there inside of tests only')
    return part
  }
  let pipeline: PipelineClient | undefined
  return {
    get stack() {
      return started(stack)
    },
    get source() {
      return started(source)
    },
    get pipeline() {
      pipeline ??= createPipelineClient(started(stack))
      return pipeline
    },
  }
}
