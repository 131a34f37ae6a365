import { chooseLane } from '@millrace/domain/sync/choose-lane.ts'
import { openRunStates } from '@millrace/domain/sync/run-state.ts'
import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'
import type { RunTrigger } from '../schema.ts'
import { StoreError } from '../store-error.ts'
import { runOfKey } from './run-of-key.ts'

export type NewRun = {
  readonly syncId: string
  readonly trigger: RunTrigger
  /** The same key for the same sync gives the same run, however often it is asked for. */
  readonly idempotencyKey?: string
  /** Time of creation; default the database's. */
  readonly now?: Date
}

/**
 * Makes a run in state `queued` with its `plan` task. Throws StoreError `not_found`, `sync_not_active`, or
 * `run_open_exists` with the id of the run that is not finished: the runs of a sync follow each other.
 */
export async function createRun(
  db: Queries,
  { syncId, trigger, idempotencyKey, now }: NewRun,
): Promise<{ runId: string; created: boolean }> {
  return inTransaction(db, async (tx) => {
    // The row's lock puts those who want a run of the same sync in a line.
    const sync = await tx
      .selectFrom('syncs')
      .innerJoin('sources', 'sources.id', 'syncs.source_id')
      .selectAll('syncs')
      .select('sources.warehouse')
      .where('syncs.id', '=', syncId)
      .forUpdate('syncs')
      .executeTakeFirst()
    if (!sync || sync.state === 'deleted') throw new StoreError('not_found', `There is no sync ${syncId}.`)
    const same = idempotencyKey === undefined ? null : await runOfKey(tx, syncId, idempotencyKey)
    if (same) return { runId: same, created: false }
    if (sync.state !== 'active') throw new StoreError('sync_not_active', `The sync ${syncId} is ${sync.state}.`)
    const open = await openRunOf(tx, syncId)
    if (open) throw new StoreError('run_open_exists', `Run ${open} of this sync is not finished.`, { runId: open })

    const lane = chooseLane({ override: sync.lane_override, lastReadRows: await lastReadRows(tx, syncId) })
    const { id: runId } = await tx
      .insertInto('runs')
      .values({
        sync_id: syncId,
        project_id: sync.project_id,
        source_id: sync.source_id,
        warehouse: sync.warehouse,
        run_seq: sync.next_run_seq,
        generation: sync.generation,
        lane,
        trigger,
        mapping_version: sync.mapping_version,
        idempotency_key: idempotencyKey ?? null,
        created_at: now,
      })
      .returning('id')
      .executeTakeFirstOrThrow()
    await tx.insertInto('run_tasks').values({ run_id: runId, kind: 'plan', index: 0 }).execute()
    await tx
      .updateTable('syncs')
      .set({ next_run_seq: sync.next_run_seq + 1 })
      .where('id', '=', syncId)
      .execute()
    return { runId, created: true }
  })
}

async function openRunOf(tx: Queries, syncId: string): Promise<string | undefined> {
  const run = await tx
    .selectFrom('runs')
    .select('id')
    .where('sync_id', '=', syncId)
    .where('state', 'in', openRunStates)
    .executeTakeFirst()
  return run?.id
}

async function lastReadRows(tx: Queries, syncId: string): Promise<number | null> {
  const run = await tx
    .selectFrom('runs')
    .select('read_rows')
    .where('sync_id', '=', syncId)
    .where('state', '=', 'succeeded')
    .orderBy('run_seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return run?.read_rows ?? null
}
