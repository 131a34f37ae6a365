import { randomUUID } from 'node:crypto'
import type { TaskKind } from '@millrace/domain/sync/task-kind.ts'
import type { Lane, Mode } from '@millrace/domain/words.ts'
import { jsonText } from '@millrace/store/json-text.ts'
import type { Database } from '@millrace/store/open-store.ts'
import type { BatchCount } from '@millrace/store/progress/batch-count.ts'
import { openPartition } from '@millrace/store/progress/open-partition.ts'
import { recordProgress } from '@millrace/store/progress/record-progress.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { completeClose } from '@millrace/store/tasks/complete-close.ts'
import { completePlan } from '@millrace/store/tasks/complete-plan.ts'
import { completeRead } from '@millrace/store/tasks/complete-read.ts'
import { type LeasedTask, leaseTask } from '@millrace/store/tasks/lease-task.ts'

let names = 0

/** A project with a source and a sync of it; names are its own, so tests of one store do not meet. */
export async function aSync(db: Database, sync: { mode?: Mode; lane?: Lane; schedule?: unknown } = {}) {
  const n = ++names
  const ids = { projectId: `project-${n}`, sourceId: `source-${n}`, syncId: `sync-${n}`, importId: `import-${n}` }
  await db
    .insertInto('projects')
    .values({ id: ids.projectId, name: `Project ${n}`, destination: jsonText({ kind: 'ingestion' }) })
    .execute()
  await db
    .insertInto('sources')
    .values({ id: ids.sourceId, project_id: ids.projectId, name: 'db', warehouse: 'postgres', options: jsonText({}) })
    .execute()
  await db
    .insertInto('syncs')
    .values({
      id: ids.syncId,
      project_id: ids.projectId,
      source_id: ids.sourceId,
      name: 'flights',
      table_schema: 'public',
      table_name: 'flights',
      table_type: 'events',
      profile_kind: null,
      mode: sync.mode ?? 'append',
      schedule: jsonText(sync.schedule ?? { kind: 'api' }),
      import_id: ids.importId,
      lane_override: sync.lane ?? null,
    })
    .execute()
  const mapping = { tableType: 'events', eventName: { value: 'Flight' }, time: 'at' }
  await db
    .insertInto('sync_mappings')
    .values({ sync_id: ids.syncId, version: 1, mapping: jsonText(mapping) })
    .execute()
  return ids
}

export async function aQueuedRun(db: Database, sync: Parameters<typeof aSync>[1] = {}) {
  const ids = await aSync(db, sync)
  const { runId } = await createRun(db, { syncId: ids.syncId, trigger: 'api' })
  return { ...ids, runId }
}

/** Leases until the task of this run and kind comes; tasks of other runs wait for their lease to end. */
export async function leaseOf(
  db: Database,
  runId: string,
  kind: TaskKind,
  owner = 'me',
  leaseMs = 60_000,
): Promise<LeasedTask> {
  for (;;) {
    const task = await leaseTask(db, { owner, warehouse: 'postgres', lanes: ['live', 'bulk'], leaseMs, kinds: [kind] })
    if (!task) throw new Error(`run ${runId} has no ${kind} task to lease`)
    if (task.runId === runId) return task
  }
}

export const aPlan = (chunks: number, more: object = {}) => ({
  schema: { table: 'public.flights', columns: [], key: [] },
  nextCursor: { hi: '2026-01-01', pin: {} },
  rowsEstimate: 100,
  chunks: Array.from({ length: chunks }, (_, chunk) => ({ chunk })),
  ...more,
})

export async function planned(
  db: Database,
  runId: string,
  {
    chunks,
    partitions = 2,
    countIdentical = false,
    plan = aPlan(chunks),
  }: { chunks: number; partitions?: number; countIdentical?: boolean; plan?: ReturnType<typeof aPlan> },
): Promise<void> {
  const { attempt } = await leaseOf(db, runId, 'plan')
  const parts = { plan, pinShared: 'pin-1', pinOwner: 'me', chunks: plan.chunks, countIdentical, partitions }
  if (!(await completePlan(db, { runId, attempt, ...parts }))) throw new Error('the plan was refused')
}

/** Reads the run's next chunk: `rows[p]` rows in one batch to each partition p that has any. */
export async function readNext(db: Database, runId: string, rows: readonly number[]): Promise<LeasedTask> {
  const task = await leaseOf(db, runId, 'read')
  const done = await completeRead(db, {
    runId,
    index: task.index,
    attempt: task.attempt,
    rows: rows.reduce((sum, count) => sum + count, 0),
    partitionRows: rows,
    partitionBatches: rows.map((count) => (count > 0 ? 1 : 0)),
    bytes: 1000,
  })
  if (!done) throw new Error('the read was refused')
  return task
}

export async function closed(db: Database, runId: string): Promise<void> {
  const { attempt } = await leaseOf(db, runId, 'close')
  if (!(await completeClose(db, { runId, attempt }))) throw new Error('the close was refused')
}

/** A batch of `rows` events, as the loader counts it. */
export function aBatch(
  batch: Pick<BatchCount, 'runId' | 'chunk' | 'attempt' | 'seq' | 'rows'> & Partial<BatchCount>,
): BatchCount {
  const profiles = { userUpdates: 0, userDeletes: 0, groupUpdates: 0, groupDeletes: 0 }
  const none = { events: 0, updates: 0, deletes: 0, ...profiles, lookupRows: 0 }
  const events = batch.rows - (batch.rejected ?? 0) - (batch.filtered ?? 0)
  return { ...none, events, rejected: 0, filtered: 0, bytes: batch.rows * 10, sent: batch.rows, ...batch }
}

/** A step of a partition that counts nothing. */
export const nothing = { counts: [], rejects: [], ends: [] }

/** A partition of a topic of its own that a loader has opened. */
export async function aPartition(db: Database) {
  const place = { topic: `updates.${randomUUID()}`, partition: 3 }
  await openPartition(db, { ...place, owner: 'me' })
  return place
}

/** The loader's part: each partition counts `rows[p]` rows of chunk 0, attempt 1, as one batch, and reaches its end. */
export async function loaded(
  db: Database,
  runId: string,
  rows: readonly number[],
  topic = `updates.${runId}`,
): Promise<void> {
  for (const [partition, count] of rows.entries()) {
    await openPartition(db, { topic, partition, owner: 'loader' })
    await recordProgress(db, {
      topic,
      partition,
      expectedOffset: null,
      nextOffset: 2n,
      ...nothing,
      counts: count > 0 ? [aBatch({ runId, chunk: 0, attempt: 1, seq: 0, rows: count })] : [],
      ends: [{ runId, epoch: 1, rows: count, batches: count > 0 ? 1 : 0 }],
    })
  }
}

/** A run of one chunk that is read to its end: `rows[p]` rows were published to partition p. */
export async function aDrainingRun(
  db: Database,
  rows: readonly number[] = [2, 1],
  sync: Parameters<typeof aSync>[1] = {},
) {
  const run = await aQueuedRun(db, sync)
  await planned(db, run.runId, { chunks: 1, partitions: rows.length })
  await readNext(db, run.runId, rows)
  await closed(db, run.runId)
  return run
}
