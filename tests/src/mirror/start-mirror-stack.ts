import path from 'node:path'
import { createPipelineClient } from '@millrace/local-stack/pipeline-client.ts'
import { type StackOptions, startStack } from '@millrace/local-stack/stack.ts'
import type { MirrorWarehouse } from './mirror-warehouse.ts'
import type { MirrorWorld } from './mirror-world.ts'

/** Many short runs at once, instead of few long ones. */
const shortRuns: NonNullable<StackOptions['env']> = {
  extractor: { MILLRACE_TASK_LOOPS: '8', MILLRACE_POLL_MS: '50' },
  loader: { MILLRACE_LINGER_MS: '20' },
}

export type MirrorStackOptions = Pick<StackOptions, 'env' | 'partitions' | 'say'>

/** A small stack that reads from the warehouse. The caller stops the stack and closes the warehouse. */
export async function startMirrorStack(
  dir: string,
  warehouse: MirrorWarehouse,
  { env = {}, ...options }: MirrorStackOptions = {},
): Promise<Pick<MirrorWorld, 'stack' | 'pipeline' | 'warehouse'>> {
  const services = [shortRuns, warehouse.env, env].flatMap((each) => Object.keys(each) as (keyof typeof env)[])
  const merged = Object.fromEntries(
    services.map((name) => [name, { ...shortRuns[name], ...warehouse.env[name], ...env[name] }]),
  )
  const stack = await startStack({
    partitions: 2,
    ...options,
    dir: path.join(dir, 'stack'),
    kafkaHeapMb: 512,
    env: merged,
  })
  return { stack, pipeline: createPipelineClient(stack), warehouse }
}
