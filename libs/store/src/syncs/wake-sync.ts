import { sql } from 'kysely'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import type { SyncDecision } from '../schema.ts'

/**
 * Lets a sync start runs again with what was decided, in the caller's transaction; when the project's destination asks for
 * a person meanwhile, the sync waits for that from now on.
 */
export async function wakeSync(tx: Queries, syncId: string, decision: SyncDecision | null): Promise<void> {
  const { attention } = await tx
    .selectFrom('syncs')
    .innerJoin('projects', 'projects.id', 'syncs.project_id')
    .select('projects.attention')
    .where('syncs.id', '=', syncId)
    .executeTakeFirstOrThrow()
  await tx
    .updateTable('syncs')
    .set({
      state: attention ? 'needs_attention' : 'active',
      state_reason: attention && jsonText(attention),
      decision: decision && jsonText(decision),
      updated_at: sql<Date>`now()`,
    })
    .where('id', '=', syncId)
    .execute()
}
