import { profileKindOf, type SyncDefinition } from '@millrace/domain/sync/sync-definition.ts'
import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import { StoreError } from '../store-error.ts'

export type NewSync = SyncDefinition & {
  readonly id: string
  readonly projectId: string
  readonly importId: string
  /** A run that would delete more of the sync's rows waits for a person, in percent; default as the guard says. */
  readonly deletionPercentMax?: number | null
}

/**
 * Adds a sync with version 1 of its mapping. Throws StoreError `not_found` when the project has no such source (any
 * more), `conflict` when it has a sync of this name.
 */
export async function createSync(db: Queries, sync: NewSync): Promise<void> {
  await inTransaction(db, async (tx) => {
    const source = await tx
      .selectFrom('sources')
      .select('id')
      .where('id', '=', sync.sourceId)
      .where('project_id', '=', sync.projectId)
      .where('deleted_at', 'is', null)
      // A source that is being deleted waits, and then finds this sync.
      .forShare()
      .executeTakeFirst()
    if (!source) throw new StoreError('not_found', `There is no source ${sync.sourceId}.`)
    await tx
      .insertInto('syncs')
      .values({
        id: sync.id,
        project_id: sync.projectId,
        source_id: sync.sourceId,
        name: sync.name,
        table_schema: sync.table.schema,
        table_name: sync.table.name,
        table_type: sync.tableType,
        profile_kind: profileKindOf(sync.mapping),
        mode: sync.mode,
        schedule: jsonText(sync.schedule),
        insert_time_column: sync.insertTimeColumn,
        overlap_ms: sync.overlapMs,
        import_id: sync.importId,
        lane_override: sync.lane,
        deletion_percent_max: sync.deletionPercentMax ?? null,
      })
      .execute()
    await tx
      .insertInto('sync_mappings')
      .values({ sync_id: sync.id, version: 1, mapping: jsonText(sync.mapping) })
      .execute()
  })
}
