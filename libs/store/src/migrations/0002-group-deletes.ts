import { type Kysely, sql } from 'kysely'

/** Deletes of group history are counted by themselves, as those of users are: they are billed on a line of their own. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table run_progress add column group_deletes bigint not null default 0`.execute(db)
}
