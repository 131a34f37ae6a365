import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type PostgresServer, startPostgres } from '@millrace/local-stack/servers/postgres.ts'
import { migrateStore } from '@millrace/store/migrate-store.ts'
import { type Database, openStore } from '@millrace/store/open-store.ts'
import pg from 'pg'

export type TestStore = {
  readonly server: PostgresServer
  /** Of the migrated control store in `server`. */
  readonly url: string
  readonly db: Database
  /** A migrated control store of its own in the same server: for tests that must see nothing of others. */
  fresh(): Promise<{ readonly url: string; readonly db: Database }>
  /** Closes all connections, ends the server and removes its data. */
  close(): Promise<void>
}

/** Starts a real Postgres for a test file and makes a migrated control store in it, in about two seconds. */
export async function startTestStore(): Promise<TestStore> {
  const dir = await mkdtemp(path.join(tmpdir(), 'millrace-store-'))
  const server = await startPostgres({ dir, shortLived: true })
  const opened: Database[] = []
  const migrated = await createDatabase(server)
  await migrateStore(server.urlOf(migrated))
  const fresh = async () => {
    const url = server.urlOf(await createDatabase(server, migrated))
    const db = openStore(url, { max: 10, applicationName: 'test' })
    opened.push(db)
    return { url, db }
  }
  return {
    server,
    ...(await fresh()),
    fresh,
    async close() {
      await Promise.all(opened.map((db) => db.close()))
      await server.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** Runs `work` with a test store and takes it down afterwards, whatever happens. */
export async function withStore(work: (store: TestStore) => Promise<void>): Promise<void> {
  const store = await startTestStore()
  try {
    await work(store)
  } finally {
    await store.close()
  }
}

/** Gives the name of a new database, empty or a copy of one that nobody is connected to. */
async function createDatabase(server: PostgresServer, template = 'template1'): Promise<string> {
  const name = `store_${randomUUID().replaceAll('-', '')}`
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  try {
    await client.query(`create database ${name} template ${template}`)
  } finally {
    await client.end()
  }
  return name
}
