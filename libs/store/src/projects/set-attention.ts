import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import type { Problem } from '../schema.ts'

/** Says why a project's destination takes nothing until a person acts; null = it is in order again. Safe to repeat. */
export async function setProjectAttention(
  db: Queries,
  { projectId, attention }: { readonly projectId: string; readonly attention: Problem | null },
): Promise<void> {
  await db
    .updateTable('projects')
    .set({ attention: attention && jsonText(attention) })
    .where('id', '=', projectId)
    .execute()
}
