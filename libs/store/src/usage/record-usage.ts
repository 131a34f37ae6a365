import type { AcceptedCounts } from '@millrace/domain/sync/usage-lines.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/**
 * Notes what the destination accepted of a run, at the time at which the run ended. Runs of which it accepted nothing that
 * could be billed leave no note. To be called in the transaction that ends the run: there is no end without its usage.
 */
export async function recordUsage(tx: Queries, runId: string, accepted: AcceptedCounts): Promise<void> {
  const { events, updates, deletes, userUpdates, userDeletes, groupUpdates, groupDeletes } = accepted
  if (events + updates + deletes + userUpdates + userDeletes + groupUpdates + groupDeletes === 0) return
  await sql`
    insert into usage (run_id, project_id, sync_id, at, profile_kind, events, updates, deletes, user_updates,
      user_deletes, group_updates, group_deletes)
    select run.id, run.project_id, run.sync_id, run.finished_at, sync.profile_kind, ${events}, ${updates}, ${deletes},
      ${userUpdates}, ${userDeletes}, ${groupUpdates}, ${groupDeletes}
    from runs run join syncs sync on sync.id = run.sync_id
    where run.id = ${runId}`.execute(tx)
}
