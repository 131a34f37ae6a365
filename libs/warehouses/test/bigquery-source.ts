import {
  type BigQueryServer,
  type ServerOptions,
  startBigQueryServer,
} from '@millrace/testkit/bigquery/bigquery-server.ts'
import type { Field } from '@millrace/testkit/bigquery/rest-values.ts'
import { openBigQuery } from '@millrace/warehouses/bigquery/open-bigquery.ts'
import type { PlanRequest, ReadPlan, RunLeavings, TableRef, Warehouse } from '@millrace/warehouses/warehouse.ts'
import { CollectingSink, type Row } from './collecting-sink.ts'
import { planRequest } from './plan-request.ts'

export const signal = new AbortController().signal
export const stagingDataset = 'millrace'

export const shopTable = (name: string): TableRef => ({ schema: 'shop', name })

export type BigQuerySource = { readonly server: BigQueryServer; readonly warehouse: Warehouse; stop(): Promise<void> }

/** A stand-in with a dataset `shop` that may be read and a staging dataset, and a source on it. */
export async function startSource(options?: ServerOptions): Promise<BigQuerySource> {
  const server = await startBigQueryServer(options)
  server.createDataset('shop')
  server.createDataset(stagingDataset)
  server.grants.viewer.add('shop')
  server.grants.owner.add(stagingDataset)
  const warehouse = openSource(server)
  return {
    server,
    warehouse,
    async stop() {
      await warehouse.close()
      await server.close()
    },
  }
}

export function openSource(server: BigQueryServer, keyFile = server.serviceAccount.keyFile): Warehouse {
  return openBigQuery({
    kind: 'bigquery',
    options: { projectId: server.projectId, stagingDataset },
    secrets: { serviceAccountKey: keyFile },
    net: { allowedCidrs: ['127.0.0.0/8'], bigQueryEndpoint: server.endpoint },
    applicationName: 'millrace-test',
  })
}

export const field = (name: string, type: string, more: Partial<Field> = {}): Field => ({ name, type, ...more })

export function requestFor(name: string, more: Partial<PlanRequest> = {}): PlanRequest {
  return planRequest(shopTable(name), { runId: '01900000-0000-7000-8000-000000000001', ...more })
}

export async function readPlan(warehouse: Warehouse, plan: ReadPlan, shared: string | null): Promise<readonly Row[]> {
  const rows: Row[] = []
  for (const chunk of plan.chunks) {
    const sink = new CollectingSink(plan.schema, 1000)
    const { rows: counted } = await warehouse.readChunk(plan, chunk, shared, sink, signal)
    if (counted !== sink.rows.length) throw new Error(`${counted} rows counted, ${sink.rows.length} handed over`)
    rows.push(...sink.rows)
  }
  return rows
}

export async function readAll(
  warehouse: Warehouse,
  request: PlanRequest,
): Promise<{ readonly plan: ReadPlan; readonly rows: readonly Row[]; readonly shared: string | null }> {
  const { plan, pin } = await warehouse.plan(request, signal)
  return { plan, rows: await readPlan(warehouse, plan, pin.shared), shared: pin.shared }
}

/** What a run has left that succeeded and is not the last one. */
export function leftBy(plan: ReadPlan): RunLeavings {
  const { runId, syncId } = requestFor(plan.table.name)
  return { runId, syncId, table: plan.table, plan, isNeeded: false, isSucceeded: true }
}
