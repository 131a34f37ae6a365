import type { ColumnType } from '@millrace/domain/row-schema.ts'
import { startBigQueryServer } from '@millrace/testkit/bigquery/bigquery-server.ts'
import type { MirrorWarehouse } from '../mirror-warehouse.ts'
import type { ModelColumn, ModelTable } from '../model-table.ts'
import { changed } from '../play-commands.ts'
import { duckdbStatement } from './duckdb-statement.ts'

const fieldTypes: Readonly<Record<ColumnType, string>> = {
  boolean: 'BOOLEAN',
  integer: 'INTEGER',
  double: 'FLOAT',
  decimal: 'NUMERIC',
  string: 'STRING',
  json: 'JSON',
  bytes: 'BYTES',
  timestamp: 'TIMESTAMP',
  date: 'DATE',
}

const schema = 'shop'
const staging = 'millrace'
const dayMs = 86_400_000

/** Histories on the stand-in for BigQuery, read by the official SDK. */
export async function openBigQueryMirror(): Promise<MirrorWarehouse> {
  let ahead = 0
  const server = await startBigQueryServer({ now: () => Date.now() + ahead })
  server.createDataset(schema)
  server.createDataset(staging)
  server.grants.viewer.add(schema)
  server.grants.owner.add(staging)
  return {
    kind: 'bigquery',
    kinds: { types: Object.keys(fieldTypes) as ColumnType[], hasNul: true },
    schema,
    endpoints: { MILLRACE_BIGQUERY_ENDPOINT: server.endpoint },
    continuesWithoutColumn: true,
    decimalText: (shortest) => shortest,
    async createSource(stack, project) {
      const { id } = await stack.api.post<{ id: string }>(`/v1/projects/${project.id}/sources`, {
        name: 'bigquery',
        warehouse: 'bigquery',
        options: { projectId: server.projectId, stagingDataset: staging },
        secrets: { serviceAccountKey: server.serviceAccount.keyFile },
      })
      return id
    },
    async createTable({ name, columns, key }, partition) {
      const field = columns.find(({ name }) => name === 'happened_at')?.name
      const isPartitioned = partition === 'time' && field !== undefined
      await server.createTable(schema, name, columns.map(fieldOf), {
        ...(isPartitioned ? { timePartitioning: { type: 'DAY' as const, field } } : {}),
        ...(key.length > 0 ? { primaryKey: key } : {}),
      })
    },
    async apply(table, dml) {
      let now: ModelTable = table
      let statements: string[] = []
      const flush = async () => {
        if (statements.length > 0) await server.change(schema, table.name, statements.join(';\n'))
        statements = []
      }
      for (const each of dml) {
        if (each.kind === 'add_column') {
          await flush()
          await server.addColumn(schema, table.name, fieldOf(each.column))
        } else statements.push(duckdbStatement(now.columns, each))
        now = changed(now, each)
      }
      await flush()
    },
    async dropTable(name) {
      server.storage.drop(schema, name)
    },
    dropColumn: (table, column) => server.dropColumn(schema, table, column),
    async staged() {
      return [...server.storage.tables.values()].filter(({ dataset }) => dataset === staging).map(({ name }) => name)
    },
    holdComparison() {
      const { promise: until, resolve: release } = Promise.withResolvers<void>()
      const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
      const id = new (class extends RegExp {
        override test(jobId: string): boolean {
          const isMeant = super.test(jobId)
          if (isMeant) reach()
          return isMeant
        }
      })('_diff_')
      server.jobs.held = { id, until }
      return {
        reached,
        release() {
          server.jobs.held = null
          release()
        },
      }
    },
    async loseSnapshots() {
      ahead += 22 * dayMs // they live for 21 days
    },
    close: () => server.close(),
  }
}

function fieldOf({ name, type }: ModelColumn) {
  return { name, type: fieldTypes[type] }
}
