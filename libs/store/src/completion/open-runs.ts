import { openRunStates, type RunState } from '@millrace/domain/sync/run-state.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/** A run that is not finished, with what decides whether it can be ended. */
export type OpenRun = {
  readonly runId: string
  readonly syncId: string
  readonly projectId: string
  readonly state: RunState
  readonly createdAt: Date
  /** `run_end` was reached in every partition. */
  readonly ended: boolean
  /** A batch of an attempt that counts, or is at work, came before the one that should have. */
  readonly gap: boolean
  /** Tasks whose lease has not run out: somebody works on them. */
  readonly leasedTasks: number
  /** Since anything of the run moved: a task taken or done, a row read, a batch published or counted. In ms. */
  readonly quietMs: number
  /** The project's destination takes nothing for now: parked, or a person is asked for. */
  readonly waitsForDestination: boolean
}

/** All runs that are not finished, oldest first. Cheap: it looks at open runs only, and sums nothing. */
export async function openRuns(db: Queries): Promise<OpenRun[]> {
  const { rows } = await sql<OpenRun>`/* prepared: open-runs */
    select run.id as "runId", run.sync_id as "syncId", run.project_id as "projectId", run.state,
      run.created_at as "createdAt",
      coalesce(part.ended, 0) = run.partitions and run.partitions is not null as ended,
      run.state in ('reading', 'draining') and exists (
        select from run_progress progress
        join run_tasks task on task.run_id = progress.run_id and task.kind = 'read' and task.index = progress.chunk
          and task.attempt = progress.attempt and task.state in ('leased', 'done')
        where progress.run_id = run.id and progress.gap_seq is not null
      ) as gap,
      coalesce(task.leased, 0)::int as "leasedTasks",
      (extract(epoch from now() - greatest(run.created_at, run.planned_at, run.read_at, task.moved_at, part.moved_at))
        * 1000)::float8 as "quietMs",
      (project.attention is not null or exists (
        select from parkings where parkings.project_id = run.project_id and parkings.state = 'parked'
      )) as "waitsForDestination"
    from runs run
    join projects project on project.id = run.project_id
    left join lateral (
      select count(*) filter (where state = 'leased' and lease_until > now()) as leased, max(updated_at) as moved_at
      from run_tasks where run_id = run.id
    ) task on true
    left join lateral (
      select count(ended_at)::int as ended, max(updated_at) as moved_at
      from run_partitions where run_id = run.id
    ) part on true
    where run.state = any(${[...openRunStates]})
    order by run.created_at, run.id`.execute(db)
  return rows
}
