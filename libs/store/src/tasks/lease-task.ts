import { type TaskKind, taskKinds } from '@millrace/domain/sync/task-kind.ts'
import type { Lane, WarehouseKind } from '@millrace/domain/words.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

export type LeaseRequest = {
  /** Name of the process's life. */
  readonly owner: string
  readonly warehouse: WarehouseKind
  readonly lanes: readonly Lane[]
  readonly leaseMs: number
  /** Default all. */
  readonly kinds?: readonly TaskKind[]
}

export type LeasedTask = {
  readonly runId: string
  readonly kind: TaskKind
  readonly index: number
  /** Fencing epoch: what is done under it is refused once somebody has a higher one. */
  readonly attempt: number
  /** What is to be done, as the plan says; null for kinds that need no more than the run. */
  readonly spec: unknown
  /** Attempts before this one that failed. */
  readonly failures: number
  readonly leaseUntil: Date
}

/**
 * Takes the next task that nobody works on, or whose lease ran out; null when there is none. Live runs come before bulk
 * runs, short kinds before chunks, older runs before younger ones. Tasks of runs that end are left alone, but for
 * `clean`, which comes after the end. Each lease raises the task's attempt; two callers never get the same attempt.
 */
export async function leaseTask(db: Queries, request: LeaseRequest): Promise<LeasedTask | null> {
  const { owner, warehouse, lanes, leaseMs, kinds = taskKinds } = request
  const { rows } = await sql<LeasedTask>`/* prepared: lease-task */
    with next as (
      select task.run_id, task.kind, task.index
      from run_tasks task
      join runs run on run.id = task.run_id
      where (task.state = 'pending' and (task.not_before is null or task.not_before <= now())
          or task.state = 'leased' and task.lease_until < now())
        and task.kind = any(${kinds})
        and run.warehouse = ${warehouse}
        and run.lane = any(${lanes})
        and (task.kind <> 'clean' and run.state in ('queued', 'planning', 'reading')
          or task.kind = 'clean' and run.state in ('succeeded', 'failed', 'cancelled'))
      order by run.lane = 'live' desc, task.kind = 'clean', task.kind = 'read', run.created_at, task.index
      limit 1
      for update of task skip locked
    ), started as (
      update runs set state = 'planning'
      where state = 'queued' and id = (select run_id from next where kind = 'plan')
    )
    update run_tasks task
    set state = 'leased', attempt = task.attempt + 1, lease_owner = ${owner},
      lease_until = now() + ${leaseMs}::float8 * interval '1 ms',
      rows = 0, published_bytes = 0, loaded = false, updated_at = now()
    from next
    where task.run_id = next.run_id and task.kind = next.kind and task.index = next.index
    returning task.run_id as "runId", task.kind, task.index, task.attempt, task.spec, task.failures,
      task.lease_until as "leaseUntil"`.execute(db)
  return rows[0] ?? null
}
