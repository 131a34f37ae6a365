import { type Kysely, sql } from 'kysely'

/**
 * What mirrored syncs keep here whose warehouse gives no place for it: the checksums that the next run compares with, in blobs of a
 * bucket each, and the changes of runs at work. Both are compressed already.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(statements).execute(db)
}

const statements = `
create table mirror_blobs (
  id uuid primary key,
  sync_id text not null references syncs (id),
  run_id uuid not null references runs (id),
  bytes bytea not null
);
alter table mirror_blobs alter column bytes set storage external;
create index mirror_blobs_sync on mirror_blobs (sync_id);
create table mirror_sets (
  id uuid primary key,
  sync_id text not null references syncs (id),
  run_id uuid not null references runs (id),
  head bytea not null,
  blobs uuid[] not null
);
create index mirror_sets_sync on mirror_sets (sync_id);
`
