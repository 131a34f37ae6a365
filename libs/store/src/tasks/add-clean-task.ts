import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import { cleanAgain } from './clean-kept.ts'
import { openCleanTask } from './open-clean-task.ts'

/**
 * Makes the task that removes what a finished run has left in its warehouse. A run that was never planned has left nothing
 * and counts as cleaned, unless it mirrors and planning had begun: comparing makes tables before there is a plan to store.
 * Safe to repeat.
 */
export async function addCleanTask(db: Queries, { runId }: { readonly runId: string }): Promise<void> {
  const run = await db
    .selectFrom('runs')
    .innerJoin('syncs', 'syncs.id', 'runs.sync_id')
    .select(({ exists, selectFrom }) => [
      'runs.plan',
      'runs.takes_up',
      'syncs.mode',
      exists(
        selectFrom('run_tasks')
          .select('index')
          .whereRef('run_tasks.run_id', '=', 'runs.id')
          .where('kind', '=', 'plan')
          .where('attempt', '>', 0),
      ).as('wasBegun'),
    ])
    .where('runs.id', '=', runId)
    .executeTakeFirst()
  if (!run) return
  if (run.plan === null && !(run.mode === 'mirror' && run.wasBegun)) {
    await db.updateTable('runs').set({ cleaned_at: sql`now()` }).where('id', '=', runId).execute()
    return
  }
  await openCleanTask(db, runId)
  // What it made while it read stands under the name of the run whose plan it has taken up.
  if (run.takes_up !== null) await cleanAgain(db, run.takes_up)
}
