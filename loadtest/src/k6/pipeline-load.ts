import { createPipelineClient } from '@millrace/local-stack/pipeline-client.ts'
import type { PostgresServer } from '@millrace/local-stack/servers/postgres.ts'
import type { Stack } from '@millrace/local-stack/stack.ts'
import { shopEventsMapping } from '../data/shop-events.ts'
import { type K6Result, runK6 } from './run-k6.ts'

export type PipelineLoad = {
  readonly stack: Stack
  readonly warehouse: PostgresServer
  readonly caCertificate: string
  readonly table: string
  readonly rows: number
  readonly recordsPerSecondMin: number
  readonly dir: string
  readonly k6: string
}

const timeoutSeconds = 900

/** A sync through the control API, from the creation of its source to the end of its run. */
export async function loadPipeline(load: PipelineLoad): Promise<K6Result> {
  const { stack, warehouse, caCertificate, table, rows, recordsPerSecondMin, dir, k6 } = load
  const project = await createPipelineClient(stack).createProject('k6 pipeline')
  const source = {
    name: 'warehouse',
    warehouse: 'postgres',
    options: {
      host: 'localhost',
      port: warehouse.port,
      database: 'postgres',
      user: warehouse.user,
      sslMode: 'verify-full',
      caCertificate,
    },
    secrets: { password: warehouse.password },
  }
  const sync = {
    name: 'k6',
    table: { schema: 'public', name: table },
    tableType: 'events',
    mode: 'one_time',
    schedule: { kind: 'api' },
    mapping: shopEventsMapping,
    lane: 'bulk',
  }
  const account = { api: stack.addresses.api, ...stack.bootstrap, projectId: project.id }
  const settings = { ...account, source, sync, rows, recordsPerSecondMin, timeoutSeconds }
  return await runK6({ script: 'pipeline', settings, dir, k6 })
}
