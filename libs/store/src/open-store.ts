import { Kysely, PostgresDialect } from 'kysely'
import { guardedPool } from './guarded-pool.ts'
import type { Tables } from './schema.ts'

/** The control store, or a transaction on it: what every operation takes first. */
export type Queries = Kysely<Tables>

export type Database = Queries & {
  /** Waits for the statements at work and closes the connections. */
  close(): Promise<void>
}

export type StoreOptions = {
  /** Connections at most. */
  readonly max: number
  /** A statement may take this long, in ms. */
  readonly statementMs?: number
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string
}

/**
 * Opens the control store. Nothing connects before the first statement, and nothing waits without bound: a connection
 * 5 s, a lock 10 s, a statement 15 s. Every operation rejects with StoreError; `unavailable` is the one to wait and
 * repeat after, and a Postgres that comes back is used again without more ado.
 */
export function openStore(url: string, options: StoreOptions): Database {
  const pool = guardedPool(url, {
    max: options.max,
    connectMs: 5000,
    lockMs: 10_000,
    statementMs: options.statementMs ?? 15_000,
    applicationName: options.applicationName ?? 'millrace',
  })
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  return Object.assign(db, { close: () => db.destroy() })
}

/** Does Postgres answer? Rejects with StoreError when not: for readiness probes. */
export async function pingStore(db: Queries): Promise<void> {
  await db.selectNoFrom((select) => select.val(1).as('one')).execute()
}
