import { sql } from 'kysely'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import type { Problem } from '../schema.ts'

/**
 * Stops an active sync from starting runs until a person has mended what `reason` says. Its open run stays and goes on
 * when the cause is gone. False when the sync was not active. Safe to repeat.
 */
export async function pauseForAttention(
  db: Queries,
  { syncId, reason }: { readonly syncId: string; readonly reason: Problem },
): Promise<boolean> {
  const paused = await db
    .updateTable('syncs')
    .set({ state: 'needs_attention', state_reason: jsonText(reason), updated_at: sql`now()` })
    .where('id', '=', syncId)
    .where('state', '=', 'active')
    .returning('id')
    .executeTakeFirst()
  return paused !== undefined
}
