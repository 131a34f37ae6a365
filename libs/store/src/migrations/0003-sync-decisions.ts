import { type Kysely, sql } from 'kysely'

/** What a person has decided for a mirrored sync that waits, and how many of its rows a run may delete unasked. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table syncs
      add column decision jsonb,
      add column deletion_percent_max int check (deletion_percent_max between 0 and 100)`.execute(db)
}
