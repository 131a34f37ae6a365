import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { Schedule } from '@millrace/domain/sync/schedule.ts'
import type { Lane } from '@millrace/domain/words.ts'
import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'

export type SyncChange = {
  readonly projectId: string
  readonly syncId: string
  readonly name?: string | undefined
  readonly schedule?: Schedule | undefined
  readonly state?: 'active' | 'paused' | undefined
  readonly overlapMs?: number | undefined
  readonly lane?: Lane | null | undefined
  readonly deletionPercentMax?: number | null | undefined
  /** Becomes a new version; runs that exist keep theirs. */
  readonly mapping?: Mapping | undefined
}

/** Changes a sync; false when the project has none of this id. Throws StoreError `conflict` for a name that is taken. */
export async function updateSync(db: Queries, change: SyncChange): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    const { syncId, mapping } = change
    const sync = await tx
      .selectFrom('syncs')
      .select('mapping_version as version')
      .where('id', '=', syncId)
      .where('project_id', '=', change.projectId)
      .where('state', '<>', 'deleted')
      .forUpdate()
      .executeTakeFirst()
    if (!sync) return false
    const version = mapping === undefined ? sync.version : sync.version + 1
    if (mapping !== undefined)
      await tx
        .insertInto('sync_mappings')
        .values({ sync_id: syncId, version, mapping: jsonText(mapping) })
        .execute()
    await tx
      .updateTable('syncs')
      .set({
        mapping_version: version,
        updated_at: sql<Date>`now()`,
        ...(change.name === undefined ? {} : { name: change.name }),
        ...(change.schedule === undefined ? {} : { schedule: jsonText(change.schedule), next_due_at: null }),
        ...(change.state === undefined ? {} : { state: change.state, state_reason: null, next_due_at: null }),
        ...(change.overlapMs === undefined ? {} : { overlap_ms: change.overlapMs }),
        ...(change.lane === undefined ? {} : { lane_override: change.lane }),
        ...(change.deletionPercentMax === undefined ? {} : { deletion_percent_max: change.deletionPercentMax }),
      })
      .where('id', '=', syncId)
      .execute()
    return true
  })
}
