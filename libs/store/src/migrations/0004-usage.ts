import { type Kysely, sql } from 'kysely'

/** What the destination accepted of each run that has ended. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(statements).execute(db)
}

const statements = `
create table usage (
  run_id uuid primary key references runs (id),
  project_id text not null references projects (id),
  sync_id text not null references syncs (id),
  at timestamptz not null,
  profile_kind text,
  events bigint not null,
  updates bigint not null,
  deletes bigint not null,
  user_updates bigint not null,
  user_deletes bigint not null,
  group_updates bigint not null,
  group_deletes bigint not null
);
create index usage_months on usage (project_id, at);
`
