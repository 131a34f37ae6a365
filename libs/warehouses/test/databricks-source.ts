import { type DatabricksServer, startDatabricksServer } from '@millrace/testkit/databricks/databricks-server.ts'
import { openDatabricks, type Patience } from '@millrace/warehouses/databricks/open-databricks.ts'
import type { OpenWarehouseRequest } from '@millrace/warehouses/open-warehouse-request.ts'
import type { PlanRequest, ReadPlan, TableRef, Warehouse } from '@millrace/warehouses/warehouse.ts'
import { CollectingSink, type Row } from './collecting-sink.ts'
import { planRequest } from './plan-request.ts'

export const signal = AbortSignal.timeout(280_000)
export const shopTable = (name: string): TableRef => ({ schema: 'shop', name })
const host = 'dbc-a1b2345c-d6e7.cloud.databricks.com'

/** Real Spark with a schema `shop`, and a source on it. */
export type DatabricksSource = {
  readonly server: DatabricksServer
  readonly warehouse: Warehouse
  open(more?: Partial<OpenWarehouseRequest>, patience?: Patience, now?: () => number): Warehouse
  /** Statements, one after the other. */
  sql(...texts: readonly string[]): Promise<void>
  readPlan(plan: ReadPlan): Promise<readonly Row[]>
  readAll(request: PlanRequest): Promise<{ readonly plan: ReadPlan; readonly rows: readonly Row[] }>
  stop(): Promise<void>
}

export async function startSource(): Promise<DatabricksSource> {
  const server = await startDatabricksServer()
  const opened: Warehouse[] = []
  const source: DatabricksSource = {
    server,
    get warehouse() {
      return warehouse
    },
    open(more = {}, patience = {}, now = Date.now) {
      const request: OpenWarehouseRequest = {
        kind: 'databricks',
        options: { host, httpPath: server.httpPath, catalog: server.catalog },
        secrets: { accessToken: server.access.token },
        net: { allowedCidrs: ['127.0.0.0/8'], databricksEndpoint: server.endpoint },
        applicationName: 'millrace-test',
        ...more,
      }
      const warehouse = openDatabricks(request, { startMs: 0, lookMs: 20, ...patience }, now)
      opened.push(warehouse)
      return warehouse
    },
    async sql(...texts) {
      await server.sql(...texts)
    },
    async readPlan(plan) {
      const rows: Row[] = []
      for (const chunk of plan.chunks) {
        const sink = new CollectingSink(plan.schema, 1000)
        const { rows: counted } = await warehouse.readChunk(plan, chunk, null, sink, signal)
        if (counted !== sink.rows.length) throw new Error(`${counted} rows counted, ${sink.rows.length} handed over`)
        rows.push(...sink.rows)
      }
      return rows
    },
    async readAll(request) {
      const { plan } = await warehouse.plan(request, signal)
      return { plan, rows: await source.readPlan(plan) }
    },
    async stop() {
      for (const each of opened) await each.close()
      await server.close()
    },
  }
  const warehouse = source.open()
  await source.sql('CREATE SCHEMA shop')
  return source
}

export function requestFor(name: string, more: Partial<PlanRequest> = {}): PlanRequest {
  return planRequest(shopTable(name), { runId: '01900000-0000-7000-8000-0000000000ff', ...more })
}
