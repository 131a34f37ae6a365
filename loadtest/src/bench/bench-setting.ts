import type { PipelineClient, PipelineProject } from '@millrace/local-stack/pipeline-client.ts'
import type { PostgresServer } from '@millrace/local-stack/servers/postgres.ts'
import type { Stack } from '@millrace/local-stack/stack.ts'
import { shopEventsMapping } from '../data/shop-events.ts'
import type { Measured, UsageMeter } from '../measure/usage-meter.ts'

/** The stack under measurement, with a Postgres of its own as the warehouse. */
export type BenchSetting = {
  readonly stack: Stack
  readonly client: PipelineClient
  readonly warehouse: PostgresServer
  readonly caCertificate: string
  readonly table: string
  readonly rows: number
  readonly cores: number
  readonly meter: UsageMeter
  readonly say: (line: string) => void
}

/** Batches go through the bulk lane, as a backfill does. */
export const lane = 'bulk'

/** The processes to measure: services by name, servers with their children, this process as `bench`. */
export function measuredProcesses(
  stack: Stack,
  warehouse: { readonly name: string; readonly pid: number },
): Measured[] {
  const { postgres, kafka, registry, redis } = stack.servers
  return [
    { name: warehouse.name, pid: warehouse.pid, kind: 'server' },
    { name: 'kafka', pid: kafka.pid, kind: 'server' },
    ...stack
      .services()
      .filter(({ running }) => running)
      .map(({ service, pid }): Measured => ({ name: service, pid, kind: 'service' })),
    { name: 'store postgres', pid: postgres.pid, kind: 'server' },
    { name: 'registry', pid: registry.pid, kind: 'server' },
    { name: 'redis', pid: redis.pid, kind: 'server' },
    { name: 'bench', pid: process.pid, kind: 'self' },
  ]
}

/** A project with a source and a sync of its own over the generated table. */
export async function createBenchSync(
  setting: BenchSetting,
  name: string,
): Promise<{ readonly project: PipelineProject; readonly syncId: string }> {
  const { client, warehouse, caCertificate, table } = setting
  const project = await client.createProject(name)
  const source = await client.createSource(project, 'warehouse', {
    host: 'localhost',
    port: warehouse.port,
    database: 'postgres',
    user: warehouse.user,
    password: warehouse.password,
    caCertificate,
  })
  const sync = await client.createSync(project, {
    name,
    sourceId: source.id,
    table: { schema: 'public', name: table },
    tableType: 'events',
    mode: 'one_time',
    mapping: shopEventsMapping,
    lane,
  })
  return { project, syncId: sync.id }
}
