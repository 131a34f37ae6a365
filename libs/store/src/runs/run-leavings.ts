import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import type { StoredPlan } from '../schema.ts'
import { StoreError } from '../store-error.ts'
import { isUnfinished } from './unfinished-run.ts'

export type StoredLeavings = {
  readonly table: { readonly schema: string; readonly name: string }
  /** null when the run ended before its plan was stored. */
  readonly plan: StoredPlan | null
  /** The sync's next run begins from this one, or this one is not over: what it keeps in the warehouse must stay. */
  readonly isNeeded: boolean
  /** What this run began from is of no use any more. */
  readonly isSucceeded: boolean
  /** The sync's next run takes this one's plan up: nothing may be removed. It is cleaned again once that has succeeded. */
  readonly isUnfinished: boolean
}

/**
 * What is to be known of a run to remove what it has left in its warehouse, as one look at the store. What it says stays
 * true until the sync is resynced or deleted, or a later run succeeds; each of these has the run cleaned again, or cleans what
 * it keeps itself (`cleanKept`). Throws StoreError `not_found`.
 */
export async function runLeavings(db: Queries, runId: string): Promise<StoredLeavings> {
  const { rows } = await sql<StoredLeavings>`
    select json_build_object('schema', sync.table_schema, 'name', sync.table_name) as table, run.plan,
      run.state not in ('succeeded', 'failed', 'cancelled')
        or sync.state <> 'deleted' and sync.cursor is not null and sync.generation = run.generation
          and exists (select from runs last where last.sync_id = sync.id and last.run_seq = sync.cursor_run_seq
            and run.id in (last.id, last.takes_up)) as "isNeeded",
      run.state = 'succeeded' as "isSucceeded", ${isUnfinished} as "isUnfinished"
    from runs run join syncs sync on sync.id = run.sync_id
    where run.id = ${runId}`.execute(db)
  const [leavings] = rows
  if (!leavings) throw new StoreError('not_found', `There is no run ${runId}.`)
  return leavings
}
