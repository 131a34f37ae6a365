import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import { endRun } from '../runs/end-run.ts'

/**
 * Ends a draining run as succeeded and moves its sync's cursor to where the plan says, in one transaction. The caller has
 * found the run complete. False, and nothing is changed, when the run is not draining any more: it succeeds once.
 *
 * The cursor moves by compare-and-set: only for the sync's present generation, and only past older runs. `now` is the time
 * of the end, by default the database's.
 */
export async function succeedRun(
  db: Queries,
  { runId, now }: { readonly runId: string; readonly now?: Date },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    if (!(await endRun(tx, { runId, from: ['draining'], to: 'succeeded', now }))) return false
    const run = await tx
      .selectFrom('runs')
      .select((row) => [
        'sync_id',
        'generation',
        'run_seq',
        row.fn<unknown>('jsonb_extract_path', ['plan', row.val('nextCursor')]).as('nextCursor'),
      ])
      .where('id', '=', runId)
      .executeTakeFirstOrThrow()
    await tx
      .updateTable('syncs')
      .set({
        cursor_run_seq: run.run_seq,
        // It was made for this run; the next one has other rows and perhaps another schema.
        decision: null,
        updated_at: sql`now()`,
        ...(run.nextCursor === null ? {} : { cursor: jsonText(run.nextCursor) }),
      })
      .where('id', '=', run.sync_id)
      .where('generation', '=', run.generation)
      .where('cursor_run_seq', '<', run.run_seq)
      .execute()
    return true
  })
}
