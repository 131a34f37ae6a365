import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import { openCleanTask } from './open-clean-task.ts'

/**
 * Has the runs cleaned again whose things in the warehouse become useless with a resync or the end of the sync, in the
 * transaction that does it: the run that the cursor comes from, the one whose plan that has taken up, and those that
 * were to be taken up. Call it before the cursor is removed. Safe to repeat.
 */
export async function cleanKept(tx: Queries, syncId: string): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select run.id from syncs sync join runs run on run.sync_id = sync.id and run.generation = sync.generation
    where sync.id = ${syncId} and sync.mode = 'mirror' and run.plan is not null
      and (run.run_seq > sync.cursor_run_seq and run.state in ('failed', 'cancelled')
        or sync.cursor is not null and exists (select from runs last where last.sync_id = sync.id
          and last.run_seq = sync.cursor_run_seq and run.id in (last.id, last.takes_up)))
    order by run.id`.execute(tx)
  for (const { id } of rows) await cleanAgain(tx, id)
}

/** Has an ended run cleaned again. */
export async function cleanAgain(tx: Queries, runId: string): Promise<void> {
  await tx.updateTable('runs').set({ cleaned_at: null }).where('id', '=', runId).execute()
  await openCleanTask(tx, runId)
}
