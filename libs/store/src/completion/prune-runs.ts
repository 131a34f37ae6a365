import { finalRunStates } from '@millrace/domain/sync/run-state.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

export type Pruning = {
  /** Details of runs that finished before are removed; the runs and their totals stay. */
  readonly detailsBefore: Date
  /** Rejects of runs that finished before are removed. */
  readonly rejectsBefore: Date
  /** Runs at most: what is left is for the next time. */
  readonly runsMax: number
}

/** Removes details of old runs that nobody counts with any more. Gives the number of runs touched. Safe to repeat. */
export async function pruneRuns(db: Queries, { detailsBefore, rejectsBefore, runsMax }: Pruning): Promise<number> {
  const states = [...finalRunStates]
  const { rows } = await sql<{ runs: number }>`
    with old as (
      select id, cleaned_at is not null or finished_at < ${rejectsBefore} as clean from runs
      where state = any(${states}) and finished_at < ${detailsBefore}
        and (exists (select from run_partitions known where known.run_id = runs.id)
          or cleaned_at is not null and exists (select from run_tasks known where known.run_id = runs.id))
      order by finished_at limit ${runsMax}
    ), progress as (
      delete from run_progress where run_id in (select id from old)
    ), partitions as (
      delete from run_partitions where run_id in (select id from old)
    ), tasks as (
      delete from run_tasks where run_id in (select id from old where clean)
    )
    select count(*)::int as runs from old`.execute(db)
  await sql`
    delete from rejects where run_id in (
      select id from runs
      where state = any(${states}) and finished_at < ${rejectsBefore}
        and exists (select from rejects known where known.run_id = runs.id)
      order by finished_at limit ${runsMax}
    )`.execute(db)
  return rows[0]?.runs ?? 0
}
