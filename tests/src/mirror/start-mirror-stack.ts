import path from 'node:path'
import { createPipelineClient } from '@millrace/local-stack/pipeline-client.ts'
import type { ServiceProcess } from '@millrace/local-stack/service-process.ts'
import { type Stack, type StackOptions, startStack } from '@millrace/local-stack/stack.ts'
import type { MirrorWarehouse } from './mirror-warehouse.ts'
import type { MirrorBase } from './mirror-world.ts'
import { openRunEnds } from './run-ends.ts'

export type MirrorStackOptions = Pick<StackOptions, 'partitions' | 'say'>
export type MirrorStack = Omit<MirrorBase, 'warehouse'> & { stop(): Promise<void> }

/** A small stack that reads from the warehouses, set for many short runs at once. The caller stops it and closes the warehouses. */
export async function startMirrorStack(
  dir: string,
  warehouses: readonly Pick<MirrorWarehouse, 'kind' | 'endpoints'>[],
  options: MirrorStackOptions = {},
): Promise<MirrorStack> {
  const stack = await startStack({
    partitions: 2,
    ...options,
    dir: path.join(dir, 'stack'),
    kafkaHeapMb: 512,
    counts: { extractor: 0 },
    env: {
      'control-api': Object.assign({}, ...warehouses.map(({ endpoints }) => endpoints)),
      transformer: { MILLRACE_WAREHOUSES: warehouses.map(({ kind }) => kind).join(',') },
      loader: { MILLRACE_LINGER_MS: '20' },
    },
  })
  try {
    await Promise.all(warehouses.map((warehouse) => addExtractor(stack, warehouse)))
  } catch (error) {
    await stack.stop()
    throw error
  }
  const ends = openRunEnds(stack)
  return {
    stack,
    pipeline: createPipelineClient(stack),
    ends,
    async stop() {
      await ends.close()
      await stack.stop()
    },
  }
}

/** One more extractor of the warehouse; `failpoints` are those of its first life. */
export function addExtractor(
  stack: Stack,
  warehouse: Pick<MirrorWarehouse, 'kind' | 'endpoints'>,
  failpoints = '',
): Promise<ServiceProcess> {
  return stack.addService('extractor', {
    env: {
      ...warehouse.endpoints,
      MILLRACE_WAREHOUSE: warehouse.kind,
      MILLRACE_TASK_LOOPS: '8',
      MILLRACE_POLL_MS: '50',
      MILLRACE_LEASE_MS: '2000',
    },
    firstLifeEnv: { MILLRACE_FAILPOINTS: failpoints },
  })
}
