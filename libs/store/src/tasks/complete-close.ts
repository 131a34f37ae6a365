import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'
import { finishTask } from './finish-task.ts'
import { lockRun } from './lock-run.ts'

/** Moves a run whose `run_end` stands in every partition to `draining`. False when the lease is another's or the run is to end. */
export async function completeClose(
  db: Queries,
  { runId, attempt }: { readonly runId: string; readonly attempt: number },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if ((await lockRun(tx, runId)) !== 'reading') return false
    if (!(await finishTask(tx, { runId, kind: 'close', index: 0, attempt }))) return false
    await tx.updateTable('runs').set({ state: 'draining', read_at: sql`now()` }).where('id', '=', runId).execute()
    return true
  })
}
