import type { FinalRunState, RunState } from '@millrace/domain/sync/run-state.ts'
import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import { addToOutbox } from '../outbox/add-to-outbox.ts'
import { runTotals } from '../progress/run-totals.ts'
import type { Problem } from '../schema.ts'
import { recordUsage } from '../usage/record-usage.ts'

/**
 * Ends a run: state, totals, usage and the note for the outbox that leads to clean-up, in one transaction. Gives false, and
 * changes nothing, when the run is in none of the states `from`: of several who try, one succeeds. The cursor is not
 * touched; see succeedRun.
 */
export async function endRun(
  db: Queries,
  {
    runId,
    from,
    to,
    error,
    now,
  }: {
    runId: string
    from: readonly RunState[]
    to: FinalRunState
    error?: Problem | undefined
    /** Time of the end; default the database's. */
    now?: Date | undefined
  },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const ended = await tx
      .updateTable('runs')
      .set({ state: to, finished_at: now ?? sql<Date>`now()`, error: error ? jsonText(error) : null })
      .where('id', '=', runId)
      .where('state', 'in', from)
      .returning('id')
      .executeTakeFirst()
    if (!ended) return false
    const totals = await runTotals(tx, runId)
    await tx
      .updateTable('runs')
      .set({ totals: jsonText(totals) })
      .where('id', '=', runId)
      .execute()
    await recordUsage(tx, runId, totals)
    await addToOutbox(tx, { kind: 'run_ended', payload: { runId, state: to } })
    return true
  })
}
