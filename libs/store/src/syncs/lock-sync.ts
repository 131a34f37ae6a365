import type { Queries } from '../open-store.ts'

/**
 * Locks a sync until the transaction ends, after its project: in the order of `replaceAttention`, which changes both. Undefined
 * when the project has none of this id.
 */
export async function lockSync(
  tx: Queries,
  { projectId, syncId }: { readonly projectId: string; readonly syncId: string },
) {
  await tx.selectFrom('projects').select('id').where('id', '=', projectId).forUpdate().executeTakeFirst()
  return tx
    .selectFrom('syncs')
    .select(['id', 'mode', 'state', 'state_reason as reason', 'decision', 'generation'])
    .where('id', '=', syncId)
    .where('project_id', '=', projectId)
    .where('state', '<>', 'deleted')
    .forUpdate()
    .executeTakeFirst()
}
