import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/** Notes that a project's updates are being parked, since when, or that they flow again. Safe to repeat. */
export async function setProjectParked(
  db: Queries,
  { projectId, parked }: { readonly projectId: string; readonly parked: boolean },
): Promise<void> {
  await db
    .updateTable('projects')
    .set({ parked_since: parked ? sql<Date>`coalesce(parked_since, now())` : null })
    .where('id', '=', projectId)
    .execute()
}
