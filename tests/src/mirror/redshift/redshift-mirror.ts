import type { ColumnType } from '@millrace/domain/row-schema.ts'
import { startRedshiftServer } from '@millrace/testkit/redshift/redshift-server.ts'
import type { MirrorWarehouse } from '../mirror-warehouse.ts'
import type { ModelTable } from '../model-table.ts'
import { changed } from '../play-commands.ts'
import { columnText, postgresStatement, redshiftTypes } from './postgres-statement.ts'

const schema = 'shop'
const staging = 'millrace'
const scale = 9

/** Histories on the stand-in for the Redshift Data API and S3, read by the official SDKs. */
export async function openRedshiftMirror(): Promise<MirrorWarehouse> {
  const server = await startRedshiftServer()
  // One after the other: the owner has one session.
  let last: Promise<unknown> = Promise.resolve()
  const sql = (text: string) => {
    const result = last.then(() => server.sql(text))
    last = result.catch(() => undefined)
    return result
  }
  const user = `"IAMR:${server.roleName}"`
  await sql(`CREATE SCHEMA ${schema}; CREATE SCHEMA ${staging}`)
  await sql(`GRANT USAGE ON SCHEMA ${schema} TO ${user}; GRANT USAGE, CREATE ON SCHEMA ${staging} TO ${user}`)
  const shop = (table: string) => `${schema}."${table}"`
  const stagedTables = async () => {
    const { rows } = await sql(
      `SELECT relname FROM pg_class WHERE relnamespace = '${staging}'::regnamespace AND relkind = 'r'`,
    )
    return rows.map(({ relname }) => String(relname))
  }
  return {
    kind: 'redshift',
    kinds: { types: Object.keys(redshiftTypes) as ColumnType[], hasNul: false },
    schema,
    endpoints: {
      MILLRACE_AWS_ENDPOINT: server.endpoint,
      MILLRACE_AWS_ACCESS_KEY_ID: server.identity.accessKeyId,
      MILLRACE_AWS_SECRET_ACCESS_KEY: server.identity.secretAccessKey,
    },
    continuesWithoutColumn: false,
    /** With all digits of its scale. */
    decimalText(shortest) {
      const [whole = '', fraction = ''] = shortest.split('.')
      return `${whole}.${fraction.padEnd(scale, '0')}`
    },
    async createSource(stack, project) {
      const path = `/v1/projects/${project.id}`
      const { externalId } = await stack.api.get<{ externalId: string }>(path)
      server.trust.externalIds.add(externalId)
      const { accountId, region, clusterId, database, roleName, bucket } = server
      const { id } = await stack.api.post<{ id: string }>(`${path}/sources`, {
        name: 'redshift',
        warehouse: 'redshift',
        options: {
          awsAccountId: accountId,
          region,
          clusterId,
          database,
          roleName,
          stagingBucket: bucket,
          stagingSchema: staging,
        },
        secrets: {},
      })
      return id
    },
    async createTable({ name, columns, key }) {
      await sql(`CREATE TABLE ${shop(name)} (${columns.map((column) => columnText(column)).join(', ')})`)
      await sql(`GRANT SELECT ON ${shop(name)} TO ${user}`)
      if (key.length > 0) await server.declareKey(schema, name, key)
    },
    async apply(table, dml) {
      let now: ModelTable = table
      const statements: string[] = []
      for (const each of dml) {
        statements.push(postgresStatement(shop(table.name), now.columns, each))
        now = changed(now, each)
      }
      if (statements.length > 0) await sql(statements.join(';\n'))
    },
    async dropTable(name) {
      await sql(`DROP TABLE ${shop(name)}`)
    },
    async dropColumn(table, column) {
      await sql(`ALTER TABLE ${shop(table)} DROP COLUMN "${column}"`)
    },
    async staged() {
      return [...(await stagedTables()), ...server.objects.list('').map(({ key }) => key)]
    },
    holdComparison() {
      const { promise: until, resolve: release } = Promise.withResolvers<void>()
      const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
      server.beforeStatement = async (sql) => {
        if (!/^\s*CREATE TABLE/i.test(sql)) return
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
    /** Redshift's tables do not expire: only a hand takes them away. */
    async loseSnapshots() {
      for (const table of await stagedTables()) await sql(`DROP TABLE ${staging}."${table}"`)
    },
    close: () => server.close(),
  }
}
