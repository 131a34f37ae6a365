import type { Queries } from '../open-store.ts'

/** Has a run of the sync ever succeeded? */
export async function hasSucceededRun(db: Queries, syncId: string): Promise<boolean> {
  const run = await db
    .selectFrom('runs')
    .select('id')
    .where('sync_id', '=', syncId)
    .where('state', '=', 'succeeded')
    .limit(1)
    .executeTakeFirst()
  return run !== undefined
}
