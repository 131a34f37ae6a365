import { sql } from 'kysely'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import type { Problem } from '../schema.ts'

/**
 * Replaces what a project's destination asks a person for, in the caller's transaction: its active syncs need attention
 * as long as it does and get no new runs; those that waited for it, and for nothing else, are active again.
 */
export async function replaceAttention(tx: Queries, projectId: string, attention: Problem | null): Promise<void> {
  const project = await tx
    .selectFrom('projects')
    .select('attention')
    .where('id', '=', projectId)
    .forUpdate()
    .executeTakeFirst()
  if (!project || (project.attention === null && attention === null)) return
  await tx
    .updateTable('projects')
    .set({ attention: attention && jsonText(attention) })
    .where('id', '=', projectId)
    .execute()
  await tx
    .updateTable('syncs')
    .set({
      state: attention ? 'needs_attention' : 'active',
      state_reason: attention && jsonText(attention),
      updated_at: sql<Date>`now()`,
    })
    .where('project_id', '=', projectId)
    .where((sync) => {
      const waiting = sql<boolean>`state = 'needs_attention' and state_reason = ${jsonText(project.attention)}::jsonb`
      return attention ? sync.or([sync('state', '=', 'active'), waiting]) : waiting
    })
    .execute()
}
