import type { Queries } from '../open-store.ts'

/** The attempt at each finished chunk of a run that counts, by chunk. */
export async function countingAttempts(db: Queries, runId: string): Promise<ReadonlyMap<number, number>> {
  const tasks = await db
    .selectFrom('run_tasks')
    .select(['index', 'attempt'])
    .where('run_id', '=', runId)
    .where('kind', '=', 'read')
    .where('state', '=', 'done')
    .execute()
  return new Map(tasks.map(({ index, attempt }) => [index, attempt]))
}
