import type { RunState } from '@millrace/domain/sync/run-state.ts'
import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'
import { endRun } from './end-run.ts'

/**
 * Asks a run to end. A queued run is cancelled at once; one at work becomes `cancelling` until its extractors have let
 * go; a finished one stays what it is. Gives the state afterwards, null when there is no such run. Safe to repeat.
 */
export async function requestCancel(db: Queries, { runId }: { runId: string }): Promise<RunState | null> {
  return inTransaction(db, async (tx) => {
    const run = await tx.selectFrom('runs').select('state').where('id', '=', runId).forUpdate().executeTakeFirst()
    if (!run) return null
    if (run.state === 'queued') {
      await endRun(tx, { runId, from: ['queued'], to: 'cancelled' })
      return 'cancelled'
    }
    if (run.state !== 'planning' && run.state !== 'reading' && run.state !== 'draining') return run.state
    await tx.updateTable('runs').set({ state: 'cancelling' }).where('id', '=', runId).execute()
    return 'cancelling'
  })
}
