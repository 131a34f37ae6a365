import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { ColumnType } from '@millrace/domain/row-schema.ts'
import { until } from '@millrace/local-stack/servers/until.ts'
import pg from 'pg'
import { startSourceDatabase } from '../../source-database.ts'
import type { MirrorWarehouse } from '../mirror-warehouse.ts'
import type { ModelTable } from '../model-table.ts'
import { changed } from '../play-commands.ts'
import { columnText, postgresStatement } from '../redshift/postgres-statement.ts'

const types: Readonly<Record<ColumnType, string>> = {
  boolean: 'boolean',
  integer: 'bigint',
  double: 'double precision',
  decimal: 'numeric',
  string: 'text',
  json: 'json',
  bytes: 'bytea',
  timestamp: 'timestamptz',
  date: 'date',
}
const schema = 'shop'

/** Histories on a real Postgres with a role that may read only: what is compared with stands in the control store of the stack. */
export async function openPostgresMirror(): Promise<MirrorWarehouse> {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-mirror-source-'))
  const source = await startSourceDatabase(dir)
  await source.query(`CREATE SCHEMA ${schema}; GRANT USAGE ON SCHEMA ${schema} TO ${source.reader}`)
  let store: pg.Pool | null = null
  const inStore = async (sql: string) => {
    if (store === null) throw new Error('the stack is not known before it has a source')
    return (await store.query<{ id: string }>(sql)).rows
  }
  const shop = (table: string) => `${schema}."${table}"`
  return {
    kind: 'postgres',
    kinds: { types: Object.keys(types) as ColumnType[], hasNul: false, hasUniqueKeys: true },
    schema,
    endpoints: {},
    continuesWithoutColumn: false,
    decimalText: (shortest) => shortest,
    async createSource(stack, project) {
      if (store === null) {
        store = new pg.Pool({ connectionString: stack.servers.postgres.url, max: 2 })
        store.on('error', () => undefined) // a connection that ends with the stack is no news
      }
      const { password, ...options } = source.connection
      const { id } = await stack.api.post<{ id: string }>(`/v1/projects/${project.id}/sources`, {
        name: 'postgres',
        warehouse: 'postgres',
        options: { sslMode: 'verify-full', ...options },
        secrets: { password },
      })
      return id
    },
    async createTable({ name, columns, key }) {
      const names = key.map((name) => `"${name}"`).join(', ')
      const all = [...columns.map((column) => columnText(column, types)), ...(names ? [`PRIMARY KEY (${names})`] : [])]
      await source.query(`CREATE TABLE ${shop(name)} (${all.join(', ')})`)
      await source.query(`GRANT SELECT ON ${shop(name)} TO ${source.reader}`)
    },
    async apply(table, dml) {
      let now: ModelTable = table
      const statements: string[] = []
      for (const each of dml) {
        statements.push(postgresStatement(shop(table.name), now.columns, each, types))
        now = changed(now, each)
      }
      if (statements.length > 0) await source.query(statements.join(';\n'))
    },
    async dropTable(name) {
      await source.query(`DROP TABLE ${shop(name)}`)
    },
    async dropColumn(table, column) {
      await source.query(`ALTER TABLE ${shop(table)} DROP COLUMN "${column}"`)
    },
    async staged() {
      const rows = await inStore(`SELECT id FROM mirror_sets UNION ALL SELECT id FROM mirror_blobs
        WHERE id NOT IN (SELECT blob FROM mirror_sets, unnest(blobs) AS blob WHERE blob IS NOT NULL)`)
      return rows.map(({ id }) => id)
    },
    /** All but the last statement of the comparison is done then. */
    holdComparison() {
      const { promise: released, resolve: release } = Promise.withResolvers<void>()
      return { reached: hold(store, released), release }
    },
    async loseSnapshots() {
      await inStore('DELETE FROM mirror_sets')
      await inStore('DELETE FROM mirror_blobs')
    },
    async close() {
      await store?.end()
      await source.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** Settles when a plan waits to write what it keeps; it waits until `released`. */
async function hold(store: pg.Pool | null, released: Promise<void>): Promise<void> {
  const client = await store?.connect()
  if (client === undefined) throw new Error('the stack is not known before it has a source')
  await client.query('BEGIN; LOCK TABLE mirror_sets IN SHARE MODE')
  void released.then(async () => {
    await client.query('ROLLBACK')
    client.release()
  })
  await until(
    async () => {
      const { rows } = await client.query(
        `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE '%insert into mirror_sets%'`,
      )
      return rows.length > 0
    },
    { timeoutMs: 60_000, everyMs: 20, what: 'a comparison that waits' },
  )
}
