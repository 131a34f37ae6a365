import type { RunState } from '@millrace/domain/sync/run-state.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import type { TaskLease } from './finish-task.ts'

export type LeaseRenewal = TaskLease & {
  readonly leaseMs: number
  /** Encoded bytes that this attempt has published so far. */
  readonly publishedBytes?: number
  /** Rows that this attempt has read so far. */
  readonly rowsRead?: number
}

export type RenewedLease =
  | {
      readonly held: true
      readonly runState: RunState
      /** Bytes of the run published by the present attempts and not yet loaded: what flow control bounds. */
      readonly inFlightBytes: number
    }
  | { readonly held: false; readonly runState: RunState | null; readonly inFlightBytes: 0 }

/**
 * Holds a lease for `leaseMs` more, from now on. `held: false` = the task is another's by now; stop working on it. For a
 * run that is to end, the renewal is the last one: it ends the lease, so that nobody has to wait until it runs out.
 */
export async function renewLease(db: Queries, renewal: LeaseRenewal): Promise<RenewedLease> {
  const { runId, kind, index, attempt, leaseMs, publishedBytes = 0, rowsRead = 0 } = renewal
  // Published and loaded are compared per attempt: an attempt that died published an unknown number of bytes, and its
  // batches must not be taken for room.
  const { rows } = await sql<{ state: RunState; held: boolean; bytes: number }>`/* prepared: renew-lease */
    with renewed as (
      update run_tasks
      set lease_until = now() + interval '1 ms' * case
          when exists (select from runs where id = ${runId} and state in ('planning', 'reading')) or kind = 'clean'
          then ${leaseMs}::float8 else 0 end,
        -- A reader that only waits, for room or for rows, holds its lease; but nothing of the run moves by that.
        updated_at = case when kind = 'read' and rows = ${rowsRead}::bigint and published_bytes = ${publishedBytes}::bigint
          then updated_at else now() end,
        published_bytes = ${publishedBytes}::bigint, rows = ${rowsRead}::bigint
      where run_id = ${runId} and kind = ${kind} and index = ${index} and attempt = ${attempt} and state = 'leased'
      returning 1
    )
    select run.state, exists (select from renewed) as held, (
      select coalesce(sum(greatest(0, published.bytes - loaded.bytes)), 0)::bigint
      from (
        select task.index as chunk, task.attempt,
          case when task.index = ${index} and ${kind}::text = 'read'
            then ${publishedBytes}::bigint else task.published_bytes end as bytes
        from run_tasks task where task.run_id = run.id and task.kind = 'read' and task.attempt > 0 and not task.loaded
      ) published
      left join lateral (
        select coalesce(sum(progress.bytes), 0) as bytes from run_progress progress
        where progress.run_id = run.id and progress.chunk = published.chunk and progress.attempt = published.attempt
      ) loaded on true
      where published.bytes > 0
    ) as bytes
    from runs run where run.id = ${runId}`.execute(db)
  const row = rows[0]
  if (!row?.held) return { held: false, runState: row?.state ?? null, inFlightBytes: 0 }
  return { held: true, runState: row.state, inFlightBytes: row.bytes }
}
