import type { ColumnType } from '@millrace/domain/row-schema.ts'
import { startDatabricksServer } from '@millrace/testkit/databricks/databricks-server.ts'
import type { MirrorWarehouse } from '../mirror-warehouse.ts'
import type { ModelTable } from '../model-table.ts'
import { changed } from '../play-commands.ts'
import { columnText, deltaStatements, deltaTypes } from './delta-statements.ts'

const schema = 'shop'
const scale = 9
const properties = "delta.enableChangeDataFeed = true, delta.columnMapping.mode = 'name'"

/** Histories on real Spark and Delta, read by the official driver. A statement takes a second or two there. */
export async function openDatabricksMirror(): Promise<MirrorWarehouse> {
  const server = await startDatabricksServer()
  await server.sql(`CREATE SCHEMA ${schema}`)
  const tables = new Set<string>()
  const shop = (table: string) => `${schema}.\`${table}\``
  return {
    kind: 'databricks',
    kinds: { types: Object.keys(deltaTypes) as ColumnType[], hasNul: false },
    schema,
    endpoints: { MILLRACE_DATABRICKS_ENDPOINT: server.endpoint },
    continuesWithoutColumn: false,
    /** With all digits of its scale. */
    decimalText(shortest) {
      const [whole = '', fraction = ''] = shortest.split('.')
      return `${whole}.${fraction.padEnd(scale, '0')}`
    },
    async createSource(stack, project) {
      const { id } = await stack.api.post<{ id: string }>(`/v1/projects/${project.id}/sources`, {
        name: 'databricks',
        warehouse: 'databricks',
        options: {
          host: 'dbc-a1b2345c-d6e7.cloud.databricks.com',
          httpPath: server.httpPath,
          catalog: server.catalog,
        },
        secrets: { clientId: server.access.clientId, clientSecret: server.access.clientSecret },
      })
      return id
    },
    async createTable({ name, columns, key }) {
      const list = columns.map(columnText).join(', ')
      await server.sql(`CREATE TABLE ${shop(name)} (${list}) USING DELTA TBLPROPERTIES (${properties})`)
      tables.add(name)
      if (key.length > 0) await server.declareKey(schema, name, key)
    },
    async apply(table, dml) {
      let now: ModelTable = table
      for (const each of dml) {
        await server.sql(...deltaStatements(shop(table.name), now, each))
        now = changed(now, each)
      }
    },
    async dropTable(name) {
      await server.sql(`DROP TABLE ${shop(name)}`)
      tables.delete(name)
    },
    async dropColumn(table, column) {
      await server.sql(`ALTER TABLE ${shop(table)} DROP COLUMN \`${column}\``)
    },
    /** Nothing is ever written there. */
    staged: () => Promise.resolve([]),
    holdComparison() {
      const { promise: until, resolve: release } = Promise.withResolvers<void>()
      const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
      server.beforeStatement = async (sql) => {
        if (!sql.startsWith('SELECT op, CAST(COUNT')) return
        reach()
        await until
      }
      return {
        reached,
        release() {
          server.beforeStatement = () => undefined
          release()
        },
      }
    },
    /** The changes since the last run, as far as there are any. */
    async loseSnapshots() {
      for (const table of tables) await server.sql(`VACUUM ${shop(table)} RETAIN 0 HOURS`)
    },
    close: () => server.close(),
  }
}
