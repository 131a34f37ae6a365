import { type Kysely, sql } from 'kysely'

/** The run whose plan a later run of a mirrored sync has taken up, since it had failed or was cancelled on the way. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table runs add column takes_up uuid references runs (id)`.execute(db)
}
