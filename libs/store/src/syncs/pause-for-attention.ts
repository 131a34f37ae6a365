import { sql } from 'kysely'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import type { Problem } from '../schema.ts'

/**
 * Stops a sync from starting runs until a person has decided what `reason` asks. It comes before what the project's
 * destination asks for, so that the sync does not go on by itself when the destination is in order again; a paused sync stays
 * paused, and its next run finds the same. False when the sync is paused or deleted. Safe to repeat.
 */
export async function pauseForAttention(
  db: Queries,
  { syncId, reason }: { readonly syncId: string; readonly reason: Problem },
): Promise<boolean> {
  const paused = await db
    .updateTable('syncs')
    .set({ state: 'needs_attention', state_reason: jsonText(reason), updated_at: sql`now()` })
    .where('id', '=', syncId)
    .where('state', 'in', ['active', 'needs_attention'])
    .returning('id')
    .executeTakeFirst()
  return paused !== undefined
}
