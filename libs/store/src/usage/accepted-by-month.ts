import type { Accepted, AcceptedCounts } from '@millrace/domain/sync/usage-lines.ts'
import type { ProfileKind } from '@millrace/domain/words.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/** What one sync had accepted in one month. */
export type AcceptedOfSync = Accepted & {
  readonly syncId: string
  /** Of syncs that were deleted as well. */
  readonly syncName: string
}

/**
 * What the destination of a project accepted in [from, before), summed up by sync and month of UTC; `atMs` is the month's
 * first moment. In order of months, then of the syncs' ids.
 */
export async function acceptedByMonth(
  db: Queries,
  { projectId, from, before }: { readonly projectId: string; readonly from: Date; readonly before: Date },
): Promise<AcceptedOfSync[]> {
  const { rows } = await sql<AcceptedCounts & { month: Date; syncId: string; name: string; kind: ProfileKind | null }>`
    select part.month, part.sync_id as "syncId", sync.name, part.profile_kind as kind, events, updates, deletes,
      user_updates as "userUpdates", user_deletes as "userDeletes", group_updates as "groupUpdates",
      group_deletes as "groupDeletes"
    from (
      select date_trunc('month', at, 'UTC') as month, sync_id, profile_kind,
        sum(events)::bigint as events, sum(updates)::bigint as updates, sum(deletes)::bigint as deletes,
        sum(user_updates)::bigint as user_updates, sum(user_deletes)::bigint as user_deletes,
        sum(group_updates)::bigint as group_updates, sum(group_deletes)::bigint as group_deletes
      from usage
      where project_id = ${projectId} and at >= ${from} and at < ${before}
      group by 1, 2, 3
    ) part join syncs sync on sync.id = part.sync_id
    order by part.month, part.sync_id`.execute(db)
  return rows.map(({ month, syncId, name, kind, ...counts }) => ({
    syncId,
    syncName: name,
    atMs: month.getTime(),
    profileKind: kind,
    counts,
  }))
}
