import { openRunStates } from '@millrace/domain/sync/run-state.ts'
import type { Queries } from '../open-store.ts'

/** Has a sync of the project a run that is not finished? */
export async function hasOpenRun(db: Queries, projectId: string): Promise<boolean> {
  const run = await db
    .selectFrom('runs')
    .select('id')
    .where('project_id', '=', projectId)
    .where('state', 'in', openRunStates)
    .limit(1)
    .executeTakeFirst()
  return run !== undefined
}
