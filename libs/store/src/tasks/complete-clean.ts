import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'
import { finishTask } from './finish-task.ts'
import { lockRun } from './lock-run.ts'

/** Notes that nothing of a finished run is left in its warehouse. False when the lease is another's by now. */
export async function completeClean(
  db: Queries,
  { runId, attempt }: { readonly runId: string; readonly attempt: number },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    // First the run, then its task, as `cleanKept` does, which may open the task again at this moment.
    await lockRun(tx, runId)
    if (!(await finishTask(tx, { runId, kind: 'clean', index: 0, attempt }))) return false
    await tx.updateTable('runs').set({ cleaned_at: sql`now()` }).where('id', '=', runId).execute()
    return true
  })
}
