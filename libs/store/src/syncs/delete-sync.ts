import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'
import { requestCancel } from '../runs/request-cancel.ts'
import { cleanKept } from '../tasks/clean-kept.ts'

/**
 * Deletes a sync and cancels its open run; what it has loaded stays at the destination, and its rows stay for the
 * history. What a mirrored sync kept in its warehouse is cleaned away. False when the project has none of this id.
 */
export async function deleteSync(
  db: Queries,
  { projectId, syncId }: { readonly projectId: string; readonly syncId: string },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const deleted = await tx
      .updateTable('syncs')
      .set({ state: 'deleted', state_reason: null, next_due_at: null, updated_at: sql<Date>`now()` })
      .where('id', '=', syncId)
      .where('project_id', '=', projectId)
      .where('state', '<>', 'deleted')
      .returning('id')
      .executeTakeFirst()
    if (!deleted) return false
    await cleanKept(tx, syncId)
    const open = await tx
      .selectFrom('runs')
      .select('id')
      .where('sync_id', '=', syncId)
      .where('state', 'not in', ['succeeded', 'failed', 'cancelled'])
      .executeTakeFirst()
    if (open) await requestCancel(tx, { runId: open.id })
    return true
  })
}
