import type { Queries } from '../open-store.ts'
import { openCleanTask } from './open-clean-task.ts'

/**
 * Has the run that a mirrored sync's cursor comes from cleaned again, in the transaction that makes what it keeps in the
 * warehouse useless: a resync, or the end of the sync. Call it before the cursor is removed. Safe to repeat.
 */
export async function cleanKept(tx: Queries, syncId: string): Promise<void> {
  const run = await tx
    .selectFrom('syncs')
    .innerJoin('runs', (join) =>
      join.onRef('runs.sync_id', '=', 'syncs.id').onRef('runs.run_seq', '=', 'syncs.cursor_run_seq'),
    )
    .select('runs.id')
    .where('syncs.id', '=', syncId)
    .where('syncs.mode', '=', 'mirror')
    .where('syncs.cursor', 'is not', null)
    .executeTakeFirst()
  if (!run) return
  await tx.updateTable('runs').set({ cleaned_at: null }).where('id', '=', run.id).execute()
  await openCleanTask(tx, run.id)
}
