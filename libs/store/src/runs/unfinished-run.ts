import { type RawBuilder, sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import type { StoredPlan } from '../schema.ts'

/** A mirror run that has ended without success when some of its changes may have been loaded. */
export type UnfinishedRun = {
  /** The run that made the plan, by whose id the warehouse has named what it set aside. */
  readonly runId: string
  /** As the latest run that tried it has left it. */
  readonly plan: StoredPlan
}

/**
 * Which rows `run`, beside their `sync`, are unfinished: failed or cancelled with a stored plan that has something to
 * send, and no run of their generation has succeeded since.
 */
export const isUnfinished: RawBuilder<boolean> = sql<boolean>`(sync.mode = 'mirror' and sync.state <> 'deleted'
  and run.generation = sync.generation and run.run_seq > sync.cursor_run_seq
  and run.state in ('failed', 'cancelled') and jsonb_array_length(run.plan -> 'chunks') > 0) is true`

/** What `runId` must take up before its sync's table is compared again; null = nothing. */
export async function unfinishedRun(db: Queries, runId: string): Promise<UnfinishedRun | null> {
  const { rows } = await sql<UnfinishedRun>`
    select coalesce(run.takes_up, run.id) as "runId", run.plan
    from runs asking join syncs sync on sync.id = asking.sync_id join runs run on run.sync_id = sync.id
    where asking.id = ${runId} and run.run_seq < asking.run_seq and ${isUnfinished}
    order by run.run_seq desc limit 1`.execute(db)
  return rows[0] ?? null
}
