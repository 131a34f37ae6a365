import { randomBytes } from 'node:crypto'
import type { PostgresSource } from '@millrace/local-stack/pipeline-client.ts'
import { startPostgres } from '@millrace/local-stack/servers/postgres.ts'
import type { Server } from '@millrace/local-stack/servers/server-process.ts'
import { createTestCa } from '@millrace/local-stack/servers/test-ca.ts'
import pg from 'pg'

/** A Postgres with TLS that tests sync from. */
export type SourceDatabase = {
  /** How Millrace connects: host name, CA, and a role that can only select what it was granted. */
  readonly connection: PostgresSource
  /** That role. */
  readonly reader: string
  /** Of the owner of the tables. */
  readonly adminUrl: string
  readonly server: Server
  /** Runs a statement as the owner. */
  query(sql: string): Promise<readonly Readonly<Record<string, unknown>>[]>
  stop(): Promise<void>
}

const READER = 'reader'

export async function startSourceDatabase(dir: string): Promise<SourceDatabase> {
  const ca = await createTestCa()
  const server = await startPostgres({ dir, tls: await ca.issue(['localhost']), shortLived: true })
  const pool = new pg.Pool({ connectionString: server.url, max: 4 })
  pool.on('error', () => undefined) // a connection that ends with the server is no news
  const password = `canary-${randomBytes(12).toString('hex')}`
  await pool.query(`CREATE ROLE ${READER} LOGIN PASSWORD '${password}'`)
  const login = { host: 'localhost', port: server.port, database: 'postgres', user: READER, password }
  return {
    connection: { ...login, caCertificate: ca.certificate },
    reader: READER,
    adminUrl: server.url,
    server,
    query: async (sql) => (await pool.query(sql)).rows,
    async stop() {
      await pool.end()
      await server.stop()
    },
  }
}

/** A Postgres that does not speak TLS. */
export async function startPlainDatabase(dir: string): Promise<Server & { readonly port: number }> {
  return await startPostgres({ dir, shortLived: true })
}

/** The certificate of a CA that has signed nobody's. */
export async function otherCa(): Promise<string> {
  return (await createTestCa()).certificate
}
