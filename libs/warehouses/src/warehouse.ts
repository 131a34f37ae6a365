import type { Column, RowSchema } from '@millrace/domain/row-schema.ts'
import type { Mode, TableType, WarehouseKind } from '@millrace/domain/words.ts'
import type { ChangeSink } from './change-sink.ts'
import type { KeptWriter } from './mirror/kept.ts'

/** A table or view as the catalogue lists it. */
export type TableRef = { readonly schema: string; readonly name: string }
export type TableSummary = TableRef & {
  readonly kind: 'table' | 'view' | 'materialized_view'
  readonly rowsEstimate: number | null
}

/** A table or view: its schema as change records have it, and what only its catalogue knows. */
export type TableDescription = RowSchema & {
  readonly kind: TableSummary['kind']
  readonly columns: readonly (Column & { readonly nullable: boolean })[]
  /** What syncing the table would cost more than it need, or in which modes it cannot be. */
  readonly warnings?: readonly TableWarning[]
}

export type TableWarning = { readonly code: string; readonly message: string; readonly hint: string }

/** One check of "test connection": which step, whether it holds, and what to do when it does not. */
export type ConnectionCheck = {
  readonly step: string
  readonly ok: boolean
  /** The step of the set-up (set-up/set-up-guide.ts) that makes it hold: where it fails, that one is missing. */
  readonly setUpStep?: string
  readonly code?: string
  readonly message?: string
  readonly hint?: string
  /** What the check found out and the source must remember: the bastion's key, to be stored as `sshTunnel.hostKey`. */
  readonly found?: { readonly sshHostKey: string }
}

/** What a run reads, fixed before the first row is read; plain JSON, stored with the run. */
export type ReadPlan = {
  readonly mode: Mode
  readonly tableType: TableType
  readonly table: TableRef
  readonly schema: RowSchema
  /** Columns of the row's identity; empty = the whole row. */
  readonly identity: readonly string[]
  /** Hash of the schema: a change between planning and reading stops the run. */
  readonly schemaFingerprint: string
  /** Append: read lo < t <= hi, both in the column's full precision as text; null lo = from the beginning. */
  readonly range: {
    readonly column: string
    readonly lo: string | null
    readonly hi: string | null
    readonly overlapMs: number
  } | null
  /** Mirror: the columns of the before-images of its updates and deletes, in their order; else none. */
  readonly before: readonly Column[]
  /** Mirror: what the comparison has found; null for the other modes. */
  readonly changes: MirrorChanges | null
  readonly chunks: readonly ChunkSpec[]
  readonly rowsEstimate: number
  /** Append: rows to be read that the last run has read as well, those of the overlap; for tables without a key, distinct ones. */
  readonly rowsReadAgain: number
  /** Append: rows that no run reads, since they have no insert time. */
  readonly rowsLeftOut: number
  /** Warehouse-specific: snapshot names, visibility of the previous run … */
  readonly pin: Readonly<Record<string, unknown>>
  /** Cursor to store when the run succeeds; null = unchanged. */
  readonly nextCursor: SyncCursor | null
}

/** What a mirror run found by comparing the table with what it was when the last run succeeded; known before anything is read. */
export type MirrorChanges = {
  readonly inserts: number
  readonly updates: number
  readonly deletes: number
  /** Rows of the sync after its last succeeded run, identical ones counted once; 0 for the first run. */
  readonly knownRows: number
  /** Rows of the table now that are left out, since another row is identical to them or has the same key. */
  readonly identicalRows: number
}

/** A re-readable part of a plan; plain JSON that only the warehouse's own folder understands. */
export type ChunkSpec = Readonly<Record<string, unknown>>

/** What a sync remembers from its last succeeded run. */
export type SyncCursor = { readonly hi: string | null; readonly pin: Readonly<Record<string, unknown>> }

export type PlanRequest = {
  /** Names what a run makes in the warehouse, so that a plan which is made again finds it. */
  readonly runId: string
  /** Names what a sync keeps in the warehouse from run to run. */
  readonly syncId: string
  readonly table: TableRef
  readonly tableType: TableType
  readonly mode: Mode
  /** Identity asked for by the mapping (profiles, lookup tables: the id column); empty = primary key, else the whole row. */
  readonly identity: readonly string[]
  readonly insertTimeColumn: string | null
  readonly overlapMs: number
  readonly cursor: SyncCursor | null
  /** Mirror: the columns whose old values an update or delete must carry (domain, mapping/before-columns.ts); else none. */
  readonly before: readonly Column[]
  /**
   * Mirror: the fingerprint of a schema with which a person has chosen to continue although it is not the one of the last
   * run; null = none. A change to any other schema stops the plan with `schema_changed`.
   */
  readonly acceptedSchema: string | null
  /** Mirror: for warehouses at which nothing may be written. */
  readonly keep?: KeptWriter | undefined
  /** Chunk size to aim at. */
  readonly chunkRows: number
}

/** What a run that has ended may have left in the warehouse. */
export type RunLeavings = {
  readonly runId: string
  readonly syncId: string
  readonly table: TableRef
  /** null when the run ended before its plan was stored; what it made then is found by its id. */
  readonly plan: ReadPlan | null
  /** The sync's next run begins from this one: what it keeps (its snapshot) must stay. */
  readonly isNeeded: boolean
  /** What this run began from (the snapshot before its own) is needed by no one any more. */
  readonly isSucceeded: boolean
}

export type EstimateRequest = Pick<PlanRequest, 'table' | 'mode' | 'insertTimeColumn' | 'overlapMs' | 'cursor'>

/** One reading position shared by the chunks of a plan; lives as long as the process that opened it. */
export type Pin = {
  /** Text that other processes need to read at the same position; null when the warehouse cannot share one. */
  readonly shared: string | null
  close(): Promise<void>
}

export type ReadResult = { readonly rows: number }

/**
 * A warehouse, connected with one source's options. One folder each, listed in `openWarehouse.ts`. Methods may run in
 * parallel. All errors are `WarehouseError` with a code from a closed list, a message safe to show and a hint.
 */
export type Warehouse = {
  readonly kind: WarehouseKind
  /**
   * Tries what a sync will need, step by step, up to the first step that fails; never throws for what the warehouse
   * answers. With `table` it also tries to read that table. A check that holds may carry a code and a hint: a warning.
   */
  testConnection(signal: AbortSignal, table?: TableRef): Promise<readonly ConnectionCheck[]>
  listSchemas(signal: AbortSignal): Promise<readonly string[]>
  listTables(schema: string, signal: AbortSignal): Promise<readonly TableSummary[]>
  describeTable(table: TableRef, signal: AbortSignal): Promise<TableDescription>
  /** The first rows of a table, as the same encoded changes that a run would publish. */
  preview(
    table: TableRef,
    identity: readonly string[],
    rowsMax: number,
    sink: ChangeSink,
    signal: AbortSignal,
  ): Promise<ReadResult>
  /** What a run would read, where the warehouse charges for bytes and tells them beforehand; null where it does not. */
  estimate(request: EstimateRequest, signal: AbortSignal): Promise<{ readonly bytes: number } | null>
  /** Fixes what a run will read and holds it. May be called again for a run whose pin died: see `repin`. */
  plan(request: PlanRequest, signal: AbortSignal): Promise<{ readonly plan: ReadPlan; readonly pin: Pin }>
  /**
   * A new pin for an unfinished plan after its pin died. `rereadAll`: chunks already read must be read again. A mirror's plan
   * may be that of an earlier run which has failed or was cancelled: it gives exactly the same changes, set aside under the
   * names of that run, or throws `resync_required`.
   */
  repin(
    plan: ReadPlan,
    signal: AbortSignal,
  ): Promise<{ readonly plan: ReadPlan; readonly pin: Pin; readonly rereadAll: boolean }>
  /**
   * Reads one chunk and hands every row to the sink, waiting whenever the sink asks to. Re-running gives the same rows
   * while the pin lives. Throws WarehouseError `pin_lost` when `shared` is gone, before any row is handed over.
   */
  readChunk(
    plan: ReadPlan,
    chunk: ChunkSpec,
    shared: string | null,
    sink: ChangeSink,
    signal: AbortSignal,
  ): Promise<ReadResult>
  /** Tables without identity columns: how many rows of the plan are identical to another one, counted by the warehouse at the pin. */
  countIdentical(plan: ReadPlan, shared: string | null, signal: AbortSignal): Promise<number>
  /** Removes what a finished run left in the warehouse and is of no use any more. Safe to repeat. */
  cleanUp(leavings: RunLeavings, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
