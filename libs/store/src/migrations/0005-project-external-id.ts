import { type Kysely, sql } from 'kysely'

/** What Millrace names when it takes on a role of a customer's AWS account: each project has its own, also those that exist. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table projects add column external_id uuid not null default gen_random_uuid()`.execute(db)
}
