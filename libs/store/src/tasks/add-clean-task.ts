import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/**
 * Makes the task that removes what a finished run has left in its warehouse; a run that was never planned has left
 * nothing and counts as cleaned. Safe to repeat.
 */
export async function addCleanTask(db: Queries, { runId }: { readonly runId: string }): Promise<void> {
  const run = await db.selectFrom('runs').select('plan').where('id', '=', runId).executeTakeFirst()
  if (!run) return
  if (run.plan === null) {
    await db.updateTable('runs').set({ cleaned_at: sql`now()` }).where('id', '=', runId).execute()
    return
  }
  await db
    .insertInto('run_tasks')
    .values({ run_id: runId, kind: 'clean', index: 0 })
    .onConflict((conflict) => conflict.columns(['run_id', 'kind', 'index']).doNothing())
    .execute()
}
