import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/**
 * Sets when a sync's next run is due, by compare-and-set: nothing happens when the schedule was changed, or somebody
 * else has set it, since `expected` was read.
 */
export async function setNextDue(
  db: Queries,
  { syncId, expected, next }: { readonly syncId: string; readonly expected: Date | null; readonly next: Date },
): Promise<boolean> {
  const set = await db
    .updateTable('syncs')
    .set({ next_due_at: next })
    .where('id', '=', syncId)
    // Dates have milliseconds, columns microseconds.
    .where(sql`date_trunc('milliseconds', next_due_at)`, 'is not distinct from', expected)
    .returning('id')
    .executeTakeFirst()
  return set !== undefined
}
