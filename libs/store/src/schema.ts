import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { RunState } from '@millrace/domain/sync/run-state.ts'
import type { Schedule } from '@millrace/domain/sync/schedule.ts'
import type { TaskKind } from '@millrace/domain/sync/task-kind.ts'
import type { Lane, Mode, ProfileKind, TableType, WarehouseKind } from '@millrace/domain/words.ts'
import type { Generated } from 'kysely'
import type { CreatedAt, Json, Nullable, NullableJson, WithDefault } from './column-kinds.ts'
import type {
  ParkingsTable,
  PartitionProgressTable,
  RejectsTable,
  RunPartitionsTable,
  RunProgressTable,
} from './progress-schema.ts'

/**
 * The tables of the control store as Kysely sees them; migrations/ makes them and docs/architecture.md ("Tables") says
 * what each promises. jsonb is written as text (`jsonText`) and read as a value. bigint is a number; offsets are selected
 * as text.
 */
export type Tables = {
  projects: ProjectsTable
  service_accounts: ServiceAccountsTable
  sources: SourcesTable
  secrets: SecretsTable
  syncs: SyncsTable
  sync_mappings: SyncMappingsTable
  runs: RunsTable
  run_tasks: RunTasksTable
  partition_progress: PartitionProgressTable
  run_progress: RunProgressTable
  run_partitions: RunPartitionsTable
  rejects: RejectsTable
  parkings: ParkingsTable
  outbox: OutboxTable
  audit: AuditTable
  leases: LeasesTable
  usage: UsageTable
  mirror_blobs: MirrorBlobsTable
  mirror_sets: MirrorSetsTable
}

export type SyncState = 'active' | 'paused' | 'needs_attention' | 'deleted'
export type RunTrigger = 'schedule' | 'api' | 'manual' | 'trigger_url'
export type TaskState = 'pending' | 'leased' | 'done'
export type Role = 'owner' | 'admin' | 'analyst' | 'trigger'

/** Why a run failed, a task is tried again, a sync waits for a person: safe to show. */
export type Problem = {
  readonly code: string
  readonly message: string
  readonly hint: string
  /** What a person decides by: plain JSON, as the code says. */
  readonly details?: Readonly<Record<string, unknown>>
}

/** What a person has decided for the next run of a mirrored sync; forgotten when a run succeeds. */
export type SyncDecision = {
  /** Fingerprint of the changed schema with which the sync goes on. */
  readonly acceptedSchema?: string
  /** Rows that the run may delete, whatever share of the sync's rows they are. */
  readonly confirmedDeletes?: number
}

type ProjectsTable = {
  id: string
  name: string
  /** DestinationConfig without its secrets. */
  destination: Json<Readonly<Record<string, unknown>>>
  created_at: CreatedAt
  updated_at: WithDefault<Date>
  attention: NullableJson<Problem>
  /** Named when Millrace takes on a role of the customer's AWS account. */
  external_id: WithDefault<string>
}

type ServiceAccountsTable = {
  id: string
  username: string
  secret_hash: string
  /** null = all projects. */
  project_id: string | null
  role: Role
  created_at: CreatedAt
  revoked_at: Nullable<Date>
}

type SourcesTable = {
  id: string
  project_id: string
  name: string
  warehouse: WarehouseKind
  options: Json<Readonly<Record<string, unknown>>>
  created_at: CreatedAt
  updated_at: WithDefault<Date>
  deleted_at: Nullable<Date>
}

type SecretsTable = {
  /** `source:<id>` or `project:<id>`. */
  owner: string
  field: string
  key_version: number
  kek_id: string
  wrapped_key: Buffer
  nonce: Buffer
  ciphertext: Buffer
  tag: Buffer
  updated_at: WithDefault<Date>
}

type SyncsTable = {
  id: string
  project_id: string
  source_id: string
  name: string
  table_schema: string
  table_name: string
  table_type: TableType
  profile_kind: ProfileKind | null
  mode: Mode
  schedule: Json<Schedule>
  insert_time_column: Nullable<string>
  overlap_ms: WithDefault<number>
  import_id: string
  lane_override: Nullable<Lane>
  generation: WithDefault<number>
  next_run_seq: WithDefault<number>
  mapping_version: WithDefault<number>
  state: WithDefault<SyncState>
  state_reason: NullableJson<Problem>
  /** Position after the last succeeded run, as the warehouse understands it. */
  cursor: NullableJson<unknown>
  /** `run_seq` of the run that set the cursor. */
  cursor_run_seq: WithDefault<number>
  decision: NullableJson<SyncDecision>
  /** A run that would delete more of the sync's rows waits for a person, in percent; null = the default. */
  deletion_percent_max: Nullable<number>
  /** null = the scheduler works it out from `schedule`. Set it to null whenever the schedule changes. */
  next_due_at: Nullable<Date>
  created_at: CreatedAt
  updated_at: WithDefault<Date>
}

type SyncMappingsTable = {
  sync_id: string
  version: number
  mapping: Json<Mapping>
  created_at: CreatedAt
}

type RunsTable = {
  id: Generated<string>
  sync_id: string
  project_id: string
  source_id: string
  warehouse: WarehouseKind
  run_seq: number
  generation: number
  lane: Lane
  trigger: RunTrigger
  state: WithDefault<RunState>
  mapping_version: number
  plan: NullableJson<StoredPlan>
  /** The run whose plan this one has taken up, since it had ended on the way; null = its plan is its own. */
  takes_up: Nullable<string>
  /** The plan's estimate. */
  rows_planned: Nullable<number>
  pin_shared: Nullable<string>
  pin_epoch: WithDefault<number>
  pin_owner: Nullable<string>
  /** Partitions of the run's topics when it was planned. */
  partitions: Nullable<number>
  identical_rows: Nullable<number>
  /** Rows of the manifest; null until everything is read. */
  read_rows: Nullable<number>
  /** Totals at the run's end (`RunTotals`); null before. */
  totals: NullableJson<Readonly<Record<string, number>>>
  error: NullableJson<Problem>
  idempotency_key: Nullable<string>
  created_at: CreatedAt
  planned_at: Nullable<Date>
  read_at: Nullable<Date>
  finished_at: Nullable<Date>
  cleaned_at: Nullable<Date>
}

/** What the store itself needs of a `ReadPlan` (libs/warehouses); the rest is kept as it is. */
export type StoredPlan = {
  readonly schema: unknown
  readonly nextCursor: unknown
  readonly [part: string]: unknown
}

type RunTasksTable = {
  run_id: string
  kind: TaskKind
  index: number
  spec: NullableJson<unknown>
  state: WithDefault<TaskState>
  attempt: WithDefault<number>
  lease_owner: Nullable<string>
  lease_until: Nullable<Date>
  /** Rows of the finished attempt; of the present one so far, while it is leased. */
  rows: WithDefault<number>
  published_bytes: WithDefault<number>
  /** Everything that the finished attempt has published is loaded: flow control need not look at it any more. */
  loaded: WithDefault<boolean>
  partition_rows: Nullable<number[]>
  partition_batches: Nullable<number[]>
  failures: WithDefault<number>
  last_error: NullableJson<Problem>
  not_before: Nullable<Date>
  updated_at: WithDefault<Date>
}

type OutboxTable = {
  id: Generated<number>
  kind: string
  payload: Json<unknown>
  created_at: CreatedAt
  done_at: Nullable<Date>
}

type AuditTable = {
  id: Generated<number>
  at: Date
  actor: string
  action: string
  object: string
  before: NullableJson<unknown>
  after: NullableJson<unknown>
  request_id: Nullable<string>
  hash: Buffer
  previous_hash: Nullable<Buffer>
}

type LeasesTable = {
  name: string
  owner: string
  epoch: number
  until: Date
}

type UsageTable = {
  run_id: string
  project_id: string
  sync_id: string
  /** When the run ended: usage goes by the time of ingestion. */
  at: Date
  profile_kind: ProfileKind | null
  events: number
  updates: number
  deletes: number
  user_updates: number
  user_deletes: number
  group_updates: number
  group_deletes: number
}

type MirrorBlobsTable = { id: string; sync_id: string; run_id: string; bytes: Buffer }

type MirrorSetsTable = { id: string; sync_id: string; run_id: string; head: Buffer; blobs: (string | null)[] }
