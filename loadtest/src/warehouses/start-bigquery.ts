import { startBigQueryServer } from '@millrace/testkit/bigquery/bigquery-server.ts'
import { firstTime, shopEventSql } from './shop-events-sql.ts'
import type { StandIn, StandInRequest } from './stand-in.ts'

const stagingDataset = 'millrace'
const table = { schema: 'shop', name: 'shop_events' }

const fields = [
  ['event_id', 'INTEGER'],
  ['event_name', 'STRING'],
  ['event_time', 'TIMESTAMP'],
  ['user_id', 'STRING'],
  ['device_id', 'STRING'],
  ['country', 'STRING'],
  ['amount', 'NUMERIC'],
  ['quantity', 'INTEGER'],
  ['is_member', 'BOOLEAN'],
  ['properties', 'JSON'],
] as const

/** BigQuery's stand-in with a table of shop events whose key is declared. */
export async function startBigQuery({ rows, seed }: StandInRequest): Promise<StandIn> {
  const server = await startBigQueryServer()
  server.createDataset(table.schema)
  server.createDataset(stagingDataset)
  server.grants.viewer.add(table.schema)
  server.grants.owner.add(stagingDataset)
  const described = fields.map(([name, type]) => ({ name, type }))
  await server.createTable(table.schema, table.name, described, { primaryKey: ['event_id'] })
  const insert = (from: number, to: number) =>
    server.change(table.schema, table.name, `INSERT INTO $table SELECT ${events(seed)} FROM range(${from}, ${to}) t(i)`)
  await insert(1, rows + 1)
  server.grants.readSessions = true
  const endpoint = {
    MILLRACE_BIGQUERY_ENDPOINT: server.endpoint,
    MILLRACE_BIGQUERY_STORAGE_ENDPOINT: server.storageRead.endpoint,
  }
  return {
    env: { 'control-api': endpoint, extractor: endpoint },
    source: {
      warehouse: 'bigquery',
      options: { projectId: server.projectId, stagingDataset },
      secrets: { serviceAccountKey: server.serviceAccount.keyFile },
    },
    table,
    async change() {
      const change = (statement: string) => server.change(table.schema, table.name, statement)
      await change('UPDATE $table SET quantity = quantity + 1 WHERE event_id % 100 = 0')
      await change('DELETE FROM $table WHERE event_id % 1000 = 1')
      await insert(rows + 1, rows + 1 + Math.ceil(rows / 1000))
    },
    close: () => server.close(),
  }
}

/** The stand-in keeps its tables in DuckDB. */
function events(seed: number): string {
  return shopEventSql((i, n) => `(hash(${i}, ${n + 100 * seed}) // 2)`, {
    time: (seconds) => `TIMESTAMP '${firstTime}' + to_seconds(${seconds}::BIGINT)`,
    json: (text) => text,
  })
}
