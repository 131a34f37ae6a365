import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import type { PostgresSource } from '../pipeline-client.ts'
import { freePort } from '../servers/free-port.ts'
import { type PostgresServer, startPostgres } from '../servers/postgres.ts'
import { createTestCa } from '../servers/test-ca.ts'
import { copyTable } from './copy-table.ts'
import { writeDataFiles } from './data-files.ts'
import {
  AIRPORTS,
  FLIGHTS,
  FLIGHTS_INDEX,
  NEW_FLIGHTS,
  ORIGINS,
  ORIGINS_KEY,
  READER,
  readerStatements,
} from './demo-tables.ts'
import { countText } from './number-text.ts'
import type { ProgressLine } from './progress-line.ts'

/** The demo's warehouse: a Postgres of its own that speaks TLS with a certificate of its own CA. */
export type DemoWarehouse = {
  readonly server: PostgresServer
  /** How Millrace reads it: with a role that can only select. */
  readonly connection: PostgresSource
  /** Runs a query as the owner and gives its rows. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>
  addNewFlights(): Promise<number>
  stop(): Promise<void>
}

const DATABASE = 'demo'

/** Starts the warehouse in `dir` and fills it with the demo's tables. */
export async function startDemoWarehouse(
  dir: string,
  { say, line }: { readonly say: (text: string) => void; readonly line: ProgressLine },
): Promise<DemoWarehouse> {
  mkdirSync(dir, { recursive: true })
  const ca = await createTestCa()
  const server = await startPostgres({ dir, port: await freePort(), tls: await ca.issue(['localhost', '127.0.0.1']) })
  try {
    const admin = new pg.Client({ connectionString: server.url })
    await admin.connect()
    await admin.query(`CREATE DATABASE ${DATABASE}`)
    await admin.end()
    const url = server.urlOf(DATABASE)
    const pool = new pg.Pool({ connectionString: url, max: 2 })
    pool.on('error', () => undefined) // a connection that ends with the server is no news
    const query = async (sql: string) => (await pool.query(sql)).rows as Record<string, unknown>[]

    await fill({ url, dir: path.resolve(dir), query, say, line })
    const password = randomBytes(18).toString('base64url')
    for (const statement of readerStatements(pg.escapeLiteral(password))) await query(statement)
    const login = { host: 'localhost', port: server.port, database: DATABASE, user: READER, password }
    return {
      server,
      connection: { ...login, caCertificate: ca.certificate },
      query,
      addNewFlights: async () => (await pool.query(NEW_FLIGHTS)).rowCount ?? 0,
      async stop() {
        await pool.end()
        await server.stop()
      },
    }
  } catch (error) {
    await server.stop()
    throw error
  }
}

type Filling = {
  readonly url: string
  readonly dir: string
  readonly query: DemoWarehouse['query']
  readonly say: (text: string) => void
  readonly line: ProgressLine
}

async function fill({ url, dir, query, say, line }: Filling): Promise<void> {
  say('unpacking the data sets of vega-datasets')
  const files = await writeDataFiles(dir)
  await query(FLIGHTS)
  await query(AIRPORTS)
  const flights = await copyTable(url, {
    table: 'flights',
    columns: ['date', 'delay', 'distance', 'origin', 'destination'],
    file: files.flights,
    line,
  })
  const airports = await copyTable(url, {
    table: 'airports',
    columns: ['iata', 'name', 'city', 'state', 'country', 'latitude', 'longitude'],
    file: files.airports,
    line,
  })
  line.update('  making the index and the table of origins')
  await query(FLIGHTS_INDEX)
  await query(ORIGINS)
  await query(ORIGINS_KEY)
  await query('ANALYZE')
  const [origins] = await query('SELECT count(*)::int AS count FROM origins')
  line.end(
    `  flights ${countText(flights)} rows (no key), airports ${countText(airports)}, origins ${countText(Number(origins?.count))}`,
  )
}
