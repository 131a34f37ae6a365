import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/**
 * Makes a run's `clean` task, or opens it again: whoever works on it now is not the one that completes it, since the attempt
 * that counts looks at the store after this.
 */
export async function openCleanTask(tx: Queries, runId: string): Promise<void> {
  await tx
    .insertInto('run_tasks')
    .values({ run_id: runId, kind: 'clean', index: 0 })
    .onConflict((conflict) =>
      conflict.columns(['run_id', 'kind', 'index']).doUpdateSet({
        state: 'pending',
        lease_until: null,
        not_before: null,
        failures: 0,
        updated_at: sql`now()`,
      }),
    )
    .execute()
}
