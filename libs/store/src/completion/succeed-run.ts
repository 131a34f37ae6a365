import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import { createRun } from '../runs/create-run.ts'
import { endRun } from '../runs/end-run.ts'
import type { RunTrigger } from '../schema.ts'

/**
 * Ends a draining run as succeeded and moves its sync's cursor to where the plan says, in one transaction. The caller has
 * found the run complete. False, and nothing is changed, when the run is not draining any more: it succeeds once.
 *
 * The cursor moves by compare-and-set: only for the sync's present generation, and only past older runs. `now` is the time
 * of the end, by default the database's. A run that took up the plan of an earlier one is followed by another, since the
 * destination is now equal to what the table was then.
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
        'trigger',
        'takes_up',
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
    if (run.takes_up !== null) await followTakenUp(tx, run)
    return true
  })
}

async function followTakenUp(
  tx: Queries,
  { sync_id: syncId, trigger }: { readonly sync_id: string; readonly trigger: RunTrigger },
): Promise<void> {
  const sync = await tx
    .selectFrom('syncs')
    .select('state')
    .where('id', '=', syncId)
    .forUpdate()
    .executeTakeFirstOrThrow()
  if (sync.state === 'active') await createRun(tx, { syncId, trigger })
}
