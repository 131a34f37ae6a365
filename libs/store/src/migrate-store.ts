import { Kysely, PostgresDialect, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { guardedPool } from './guarded-pool.ts'
import { allMigrations } from './migrations/all-migrations.ts'

/**
 * Brings the control store to this version's tables and gives the names of the migrations that ran. Under an advisory
 * lock: of several processes that call it at once, one does the work and the others wait for it. Safe to repeat; a store
 * that a newer version has migrated is left as it is. Each migration is one transaction. Rejects with StoreError.
 */
export async function migrateStore(url: string): Promise<string[]> {
  const pool = guardedPool(url, {
    max: 2,
    connectMs: 5000,
    lockMs: 120_000,
    statementMs: 300_000,
    applicationName: 'millrace-migrate',
  })
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) })
  try {
    const migrator = new Migrator({ db, provider: { getMigrations: async () => knownAndApplied(db) } })
    const { error, results = [] } = await migrator.migrateToLatest()
    if (error) throw error
    return results.map(({ migrationName }) => migrationName)
  } finally {
    await db.destroy()
  }
}

/** A newer version's migrations stand in the store and not in this program: they count as known and are never run. */
async function knownAndApplied(db: Kysely<unknown>): Promise<Record<string, Migration>> {
  const applied = await appliedMigrations(db)
  const newer = applied.filter((name) => !(name in allMigrations))
  return { ...Object.fromEntries(newer.map((name) => [name, { up: neverRun }])), ...allMigrations }
}

/** Names of the migrations that have run; none when the store is empty. */
export async function appliedMigrations(db: Kysely<unknown>): Promise<string[]> {
  const table = await sql<{ there: boolean }>`select to_regclass('kysely_migration') is not null as there`.execute(db)
  if (!table.rows[0]?.there) return []
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db)
  return rows.map(({ name }) => name)
}

async function neverRun(): Promise<void> {
  throw new Error('this migration belongs to a newer version of Millrace')
}
