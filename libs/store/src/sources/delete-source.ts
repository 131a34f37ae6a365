import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'
import { StoreError } from '../store-error.ts'
import { dropUnneededSecrets } from './prune-sources.ts'

/**
 * Deletes a source and its secrets; the row stays for the history of its runs. While something of its runs is still to be
 * removed from the warehouse, the secrets stay for that: see prune-sources.ts. False when the project has none of this id. Throws StoreError `in_use` while a sync that is not deleted reads from it, or a run of a deleted one is not over.
 */
export async function deleteSource(
  db: Queries,
  { projectId, sourceId }: { readonly projectId: string; readonly sourceId: string },
): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const source = await tx
      .selectFrom('sources')
      .select('id')
      .where('id', '=', sourceId)
      .where('project_id', '=', projectId)
      .where('deleted_at', 'is', null)
      .forUpdate()
      .executeTakeFirst()
    if (!source) return false
    const user = await tx
      .selectFrom('syncs')
      .select('name')
      .where('source_id', '=', sourceId)
      .where('state', '<>', 'deleted')
      .executeTakeFirst()
    if (user) throw new StoreError('in_use', `The sync ${JSON.stringify(user.name)} reads from this source.`)
    const run = await tx
      .selectFrom('runs')
      .select('id')
      .where('source_id', '=', sourceId)
      .where('state', 'not in', ['succeeded', 'failed', 'cancelled'])
      .executeTakeFirst()
    if (run) throw new StoreError('in_use', `Run ${run.id} of this source is not finished.`)
    await tx.updateTable('sources').set({ deleted_at: sql<Date>`now()` }).where('id', '=', sourceId).execute()
    await dropUnneededSecrets(tx, sourceId)
    return true
  })
}
