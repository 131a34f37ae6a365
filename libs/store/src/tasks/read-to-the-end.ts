import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/**
 * Makes the `close` task, and fixes the number of rows read, when the last `read` or `count` task of a run is done. The
 * caller holds the run's lock: of two that finish at once, the second one sees that it is the last.
 */
export async function addCloseTaskWhenRead(tx: Queries, runId: string): Promise<void> {
  const unfinished = await tx
    .selectFrom('run_tasks')
    .select('index')
    .where('run_id', '=', runId)
    .where('kind', 'in', ['read', 'count'])
    .where('state', '<>', 'done')
    .limit(1)
    .executeTakeFirst()
  if (unfinished) return
  await tx
    .updateTable('runs')
    .set({
      read_rows: sql<number>`(
        select coalesce(sum(rows), 0)::bigint from run_tasks where run_id = ${runId} and kind = 'read'
      )`,
    })
    .where('id', '=', runId)
    .execute()
  await tx
    .insertInto('run_tasks')
    .values({ run_id: runId, kind: 'close', index: 0 })
    .onConflict((conflict) => conflict.columns(['run_id', 'kind', 'index']).doNothing())
    .execute()
}
