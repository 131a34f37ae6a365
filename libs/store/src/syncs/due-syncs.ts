import { openRunStates } from '@millrace/domain/sync/run-state.ts'
import type { Schedule } from '@millrace/domain/sync/schedule.ts'
import type { Queries } from '../open-store.ts'

export type DueSync = {
  readonly syncId: string
  readonly schedule: Schedule
  /** Since when a run is due; null = not worked out yet. */
  readonly dueAt: Date | null
}

/**
 * Active syncs with a schedule whose next run is due at `now` or not worked out. One with an open run is due when that
 * has ended, so what was missed meanwhile is caught up by one run.
 */
export async function dueSyncs(
  db: Queries,
  { now, syncsMax }: { readonly now: Date; readonly syncsMax: number },
): Promise<DueSync[]> {
  return db
    .selectFrom('syncs')
    .select(['id as syncId', 'schedule', 'next_due_at as dueAt'])
    .where('state', '=', 'active')
    .where((sync) => sync(sync.fn('jsonb_extract_path_text', ['schedule', sync.val('kind')]), '<>', 'api'))
    .where((sync) => sync.or([sync('next_due_at', 'is', null), sync('next_due_at', '<=', now)]))
    .where((sync) =>
      sync.not(
        sync.exists(
          sync
            .selectFrom('runs')
            .select('runs.id')
            .whereRef('runs.sync_id', '=', 'syncs.id')
            .where('runs.state', 'in', openRunStates),
        ),
      ),
    )
    .orderBy('next_due_at', (order) => order.asc().nullsFirst())
    .limit(syncsMax)
    .execute()
}
