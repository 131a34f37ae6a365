import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'
import { finishTask } from './finish-task.ts'
import { lockRun } from './lock-run.ts'
import { addCloseTaskWhenRead } from './read-to-the-end.ts'

/** Stores how many rows of a run are identical to another one. False when the lease is another's or the run reads no longer. */
export async function completeCount(
  db: Queries,
  { runId, attempt, identical }: { readonly runId: string; readonly attempt: number; readonly identical: number },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if ((await lockRun(tx, runId)) !== 'reading') return false
    if (!(await finishTask(tx, { runId, kind: 'count', index: 0, attempt }))) return false
    await tx.updateTable('runs').set({ identical_rows: identical }).where('id', '=', runId).execute()
    await addCloseTaskWhenRead(tx, runId)
    return true
  })
}
