import { openRunStates } from '@millrace/domain/sync/run-state.ts'
import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'
import { StoreError } from '../store-error.ts'
import { cleanKept } from '../tasks/clean-kept.ts'
import { lockSync } from './lock-sync.ts'
import { wakeSync } from './wake-sync.ts'

/**
 * Makes a sync begin anew with its next run: another generation, no cursor, no decision, and what it kept in the warehouse is
 * cleaned away. It is active afterwards, also when it was paused, unless `keepPaused`. False when the project has none of
 * this id. Throws StoreError `run_open_exists` while a run of it is not finished.
 */
export async function resyncSync(
  db: Queries,
  request: { readonly projectId: string; readonly syncId: string; readonly keepPaused?: boolean },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const sync = await lockSync(tx, request)
    if (!sync) return false
    const open = await tx
      .selectFrom('runs')
      .select('id')
      .where('sync_id', '=', sync.id)
      .where('state', 'in', openRunStates)
      .executeTakeFirst()
    if (open)
      throw new StoreError('run_open_exists', `Run ${open.id} of this sync is not finished.`, { runId: open.id })
    await cleanKept(tx, sync.id)
    await tx
      .updateTable('syncs')
      .set({ generation: sync.generation + 1, cursor: null, decision: null })
      .where('id', '=', sync.id)
      .execute()
    if (!(request.keepPaused && sync.state === 'paused')) await wakeSync(tx, sync.id, null)
    return true
  })
}
