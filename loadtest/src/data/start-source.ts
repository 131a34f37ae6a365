import { type PostgresServer, startPostgres } from '@millrace/local-stack/servers/postgres.ts'
import { createTestCa } from '@millrace/local-stack/servers/test-ca.ts'
import pg from 'pg'
import { type LoadTableOptions, loadTable } from './load-table.ts'

/** A Postgres with TLS, certified by an authority of its own, to read from. */
export type Source = {
  readonly warehouse: PostgresServer
  readonly caCertificate: string
  /** Makes and fills a table; gives its size on disk, bytes. */
  fill(options: LoadTableOptions): Promise<number>
}

export async function startSource(dir: string): Promise<Source> {
  const ca = await createTestCa()
  const warehouse = await startPostgres({ dir, tls: await ca.issue(['localhost', '127.0.0.1']) })
  return {
    warehouse,
    caCertificate: ca.certificate,
    async fill(options) {
      const client = new pg.Client({ connectionString: warehouse.url })
      await client.connect()
      try {
        return await loadTable(client, options)
      } finally {
        await client.end()
      }
    },
  }
}
