import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import { finishTask } from './finish-task.ts'
import { lockRun } from './lock-run.ts'
import { addCloseTaskWhenRead } from './read-to-the-end.ts'

export type PlanCompletion = {
  readonly runId: string
  readonly attempt: number
  /** The warehouse's ReadPlan, stored as it is. */
  readonly plan: { readonly schema: unknown; readonly nextCursor: unknown; readonly rowsEstimate: number }
  /** The run that made the plan, when it is not this one. */
  readonly takesUp?: string | null
  readonly pinShared: string | null
  readonly pinOwner: string
  /** One `read` task is made of each, numbered from 0. */
  readonly chunks: readonly unknown[]
  /** Whether a `count` task is made. */
  readonly countIdentical: boolean
  /** Partitions of the run's topics. */
  readonly partitions: number
}

/**
 * Stores a run's plan with its tasks and moves the run from `planning` to `reading`. False, and nothing is changed, when
 * the lease is another's by now or the run is to end.
 */
export async function completePlan(db: Queries, completion: PlanCompletion): Promise<boolean> {
  const { runId, attempt, plan, takesUp, pinShared, pinOwner, chunks, countIdentical, partitions } = completion
  return inTransaction(db, async (tx) => {
    if ((await lockRun(tx, runId)) !== 'planning') return false
    if (!(await finishTask(tx, { runId, kind: 'plan', index: 0, attempt }))) return false
    await tx
      .updateTable('runs')
      .set({
        state: 'reading',
        plan: jsonText(plan),
        takes_up: takesUp ?? null,
        rows_planned: Math.max(0, Math.round(plan.rowsEstimate)),
        pin_shared: pinShared,
        pin_owner: pinOwner,
        pin_epoch: 1,
        partitions,
        planned_at: sql`now()`,
      })
      .where('id', '=', runId)
      .execute()
    await sql`
      insert into run_tasks (run_id, kind, index, spec)
      select ${runId}, 'read', position - 1, chunk
      from jsonb_array_elements(${jsonText(chunks)}::jsonb) with ordinality as chunks (chunk, position)`.execute(tx)
    if (countIdentical) await tx.insertInto('run_tasks').values({ run_id: runId, kind: 'count', index: 0 }).execute()
    await addCloseTaskWhenRead(tx, runId)
    return true
  })
}
