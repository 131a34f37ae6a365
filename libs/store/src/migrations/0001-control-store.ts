import { type Kysely, sql } from 'kysely'

/** Everything that Millrace keeps; docs/architecture.md ("Tables") has the contract of each table. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(statements).execute(db)
}

const statements = `
create table projects (
  id text primary key,
  name text not null,
  destination jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  attention jsonb
);

create table service_accounts (
  id text primary key,
  username text not null constraint service_accounts_username_unique unique,
  secret_hash text not null,
  project_id text references projects (id),
  role text not null check (role in ('owner', 'admin', 'analyst', 'trigger')),
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);

create table sources (
  id text primary key,
  project_id text not null references projects (id),
  name text not null,
  warehouse text not null,
  options jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
create unique index sources_name_unique on sources (project_id, name) where deleted_at is null;

create table secrets (
  owner text not null,
  field text not null,
  key_version int not null,
  kek_id text not null,
  wrapped_key bytea not null,
  nonce bytea not null,
  ciphertext bytea not null,
  tag bytea not null,
  updated_at timestamptz not null default now(),
  primary key (owner, field)
);

create table syncs (
  id text primary key,
  project_id text not null references projects (id),
  source_id text not null references sources (id),
  name text not null,
  table_schema text not null,
  table_name text not null,
  table_type text not null,
  profile_kind text,
  mode text not null,
  schedule jsonb not null,
  insert_time_column text,
  overlap_ms bigint not null default 0 check (overlap_ms >= 0),
  import_id text not null constraint syncs_import_id_unique unique,
  lane_override text check (lane_override in ('live', 'bulk')),
  generation int not null default 1,
  next_run_seq bigint not null default 1,
  mapping_version int not null default 1,
  state text not null default 'active' check (state in ('active', 'paused', 'needs_attention', 'deleted')),
  state_reason jsonb,
  cursor jsonb,
  cursor_run_seq bigint not null default 0,
  next_due_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index syncs_name_unique on syncs (project_id, name) where state <> 'deleted';
create index syncs_source on syncs (source_id);
create index syncs_due on syncs (next_due_at) where state = 'active';

create table sync_mappings (
  sync_id text not null references syncs (id),
  version int not null,
  mapping jsonb not null,
  created_at timestamptz not null default now(),
  primary key (sync_id, version)
);

create table runs (
  id uuid primary key default gen_random_uuid(),
  sync_id text not null references syncs (id),
  project_id text not null references projects (id),
  source_id text not null references sources (id),
  warehouse text not null,
  run_seq bigint not null,
  generation int not null,
  lane text not null check (lane in ('live', 'bulk')),
  trigger text not null check (trigger in ('schedule', 'api', 'manual', 'trigger_url')),
  state text not null default 'queued' check (
    state in ('queued', 'planning', 'reading', 'draining', 'succeeded', 'failed', 'cancelling', 'cancelled')
  ),
  mapping_version int not null,
  plan jsonb,
  rows_planned bigint,
  pin_shared text,
  pin_epoch int not null default 0,
  pin_owner text,
  partitions int,
  identical_rows bigint,
  read_rows bigint,
  totals jsonb,
  error jsonb,
  idempotency_key text,
  created_at timestamptz not null default now(),
  planned_at timestamptz,
  read_at timestamptz,
  finished_at timestamptz,
  cleaned_at timestamptz,
  constraint runs_seq_unique unique (sync_id, run_seq),
  foreign key (sync_id, mapping_version) references sync_mappings (sync_id, version)
);
create unique index runs_one_open on runs (sync_id) where state not in ('succeeded', 'failed', 'cancelled');
create unique index runs_idempotency on runs (sync_id, idempotency_key) where idempotency_key is not null;
create index runs_open on runs (state) where state not in ('succeeded', 'failed', 'cancelled');
create index runs_by_project on runs (project_id, created_at desc, id);
create index runs_finished on runs (finished_at);

create table run_tasks (
  run_id uuid not null references runs (id) on delete cascade,
  kind text not null check (kind in ('plan', 'read', 'count', 'close', 'clean')),
  index int not null,
  spec jsonb,
  state text not null default 'pending' check (state in ('pending', 'leased', 'done')),
  attempt int not null default 0,
  lease_owner text,
  lease_until timestamptz,
  rows bigint not null default 0,
  published_bytes bigint not null default 0,
  loaded boolean not null default false,
  partition_rows int[],
  partition_batches int[],
  failures int not null default 0,
  last_error jsonb,
  not_before timestamptz,
  updated_at timestamptz not null default now(),
  primary key (run_id, kind, index)
);
create index run_tasks_waiting on run_tasks (run_id) where state <> 'done';

create table partition_progress (
  topic text not null,
  partition int not null,
  next_offset bigint,
  step bigint not null default 0,
  owner text not null,
  primary key (topic, partition)
) with (fillfactor = 50);

create table run_progress (
  run_id uuid not null,
  partition int not null,
  chunk int not null,
  attempt int not null,
  next_seq int not null default 0,
  rows bigint not null default 0,
  events bigint not null default 0,
  updates bigint not null default 0,
  deletes bigint not null default 0,
  user_updates bigint not null default 0,
  user_deletes bigint not null default 0,
  group_updates bigint not null default 0,
  lookup_rows bigint not null default 0,
  rejected bigint not null default 0,
  filtered bigint not null default 0,
  bytes bigint not null default 0,
  sent bigint not null default 0,
  gap_seq int,
  primary key (run_id, chunk, attempt, partition)
) with (fillfactor = 70);

create index run_progress_gaps on run_progress (run_id) where gap_seq is not null;

create table run_partitions (
  run_id uuid not null,
  partition int not null,
  end_epoch int,
  end_rows bigint,
  end_batches bigint,
  ended_at timestamptz,
  rejects_kept int not null default 0,
  updated_at timestamptz not null default now(),
  primary key (run_id, partition)
) with (fillfactor = 50);

create table rejects (
  run_id uuid not null,
  partition int not null,
  chunk int not null,
  ordinal bigint not null,
  attempt int not null,
  stage text not null check (stage in ('transformer', 'loader')),
  row_id text not null,
  code text not null,
  field text not null,
  message text not null,
  created_at timestamptz not null default now(),
  primary key (run_id, chunk, ordinal, attempt, stage)
);

create table parkings (
  project_id text not null references projects (id),
  lane text not null,
  partition int not null,
  state text not null check (state in ('parked', 'open')),
  last_parked_offset bigint,
  since timestamptz not null default now(),
  primary key (project_id, lane, partition)
);

create table outbox (
  id bigint generated always as identity primary key,
  kind text not null,
  payload jsonb not null,
  created_at timestamptz not null default now(),
  done_at timestamptz
);
create index outbox_waiting on outbox (id) where done_at is null;

create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null,
  actor text not null,
  action text not null,
  object text not null,
  before jsonb,
  after jsonb,
  request_id text,
  hash bytea not null,
  previous_hash bytea
);
create index audit_by_object on audit (object, id);

create table leases (
  name text primary key,
  owner text not null,
  epoch bigint not null,
  until timestamptz not null
);
`
