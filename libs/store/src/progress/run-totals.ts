import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/** Sums over the attempts that count. */
export type RunTotals = {
  /** Rows of the batches counted: accepted + rejected + filtered. */
  readonly rows: number
  readonly batches: number
  readonly events: number
  readonly updates: number
  readonly deletes: number
  readonly userUpdates: number
  readonly userDeletes: number
  readonly groupUpdates: number
  readonly groupDeletes: number
  readonly lookupRows: number
  readonly rejected: number
  readonly filtered: number
  readonly bytes: number
  /** Records sent, repetitions and attempts that do not count included. */
  readonly sent: number
}

/** The sums of a run as they are now. */
export async function runTotals(db: Queries, runId: string): Promise<RunTotals> {
  const { rows } = await sql<RunTotals>`
    select coalesce(sum(rows) filter (where counts), 0)::bigint as rows,
      coalesce(sum(next_seq) filter (where counts), 0)::bigint as batches,
      coalesce(sum(events) filter (where counts), 0)::bigint as events,
      coalesce(sum(updates) filter (where counts), 0)::bigint as updates,
      coalesce(sum(deletes) filter (where counts), 0)::bigint as deletes,
      coalesce(sum(user_updates) filter (where counts), 0)::bigint as "userUpdates",
      coalesce(sum(user_deletes) filter (where counts), 0)::bigint as "userDeletes",
      coalesce(sum(group_updates) filter (where counts), 0)::bigint as "groupUpdates",
      coalesce(sum(group_deletes) filter (where counts), 0)::bigint as "groupDeletes",
      coalesce(sum(lookup_rows) filter (where counts), 0)::bigint as "lookupRows",
      coalesce(sum(rejected) filter (where counts), 0)::bigint as rejected,
      coalesce(sum(filtered) filter (where counts), 0)::bigint as filtered,
      coalesce(sum(bytes) filter (where counts), 0)::bigint as bytes,
      coalesce(sum(sent), 0)::bigint as sent
    from (
      select progress.*, task.attempt is not distinct from progress.attempt as counts
      from run_progress progress
      left join run_tasks task
        on task.run_id = progress.run_id and task.kind = 'read' and task.index = progress.chunk
      where progress.run_id = ${runId}
    ) progress`.execute(db)
  return rows[0]!
}
