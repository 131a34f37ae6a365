import type { Kysely } from 'kysely'
import { appliedMigrations } from './migrate-store.ts'
import { allMigrations } from './migrations/all-migrations.ts'
import type { Queries } from './open-store.ts'

/**
 * Has the store all tables that this version works with? A store of a newer version has. For readiness probes, and for
 * programs that start before the one that migrates. Rejects with StoreError when Postgres does not answer.
 */
export async function schemaReady(db: Queries): Promise<boolean> {
  const applied = await appliedMigrations(db as unknown as Kysely<unknown>)
  return Object.keys(allMigrations).every((name) => applied.includes(name))
}
