import { isFinalRunState, mayRunBecome, type RunState } from '@millrace/domain/sync/run-state.ts'
import type { Queries } from '../open-store.ts'
import type { Problem } from '../schema.ts'
import { endRun } from './end-run.ts'

/**
 * Moves a run from one of the states `from` to `to`; false when it is in none of them. `from` may only hold states that
 * `to` may follow. `succeeded` is reached by succeedRun only, since the cursor moves with it.
 */
export async function transitionRun(
  db: Queries,
  { runId, from, to, error }: { runId: string; from: readonly RunState[]; to: RunState; error?: Problem },
): Promise<boolean> {
  if (to === 'succeeded' || !from.every((state) => mayRunBecome(state, to))) {
    throw new RangeError(`a run cannot go from ${from.join(' or ')} to ${to}`)
  }
  if (isFinalRunState(to)) return endRun(db, { runId, from, to, error })
  const moved = await db
    .updateTable('runs')
    .set({ state: to })
    .where('id', '=', runId)
    .where('state', 'in', from)
    .returning('id')
    .executeTakeFirst()
  return moved !== undefined
}
