import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { Schedule } from '@millrace/domain/sync/schedule.ts'
import type { Lane, Mode, ProfileKind, TableType } from '@millrace/domain/words.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import type { Problem, SyncDecision, SyncState } from '../schema.ts'

export type Sync = {
  readonly id: string
  readonly projectId: string
  readonly sourceId: string
  readonly name: string
  readonly tableSchema: string
  readonly tableName: string
  readonly tableType: TableType
  readonly profileKind: ProfileKind | null
  readonly mode: Mode
  readonly schedule: Schedule
  readonly insertTimeColumn: string | null
  readonly overlapMs: number
  readonly importId: string
  readonly lane: Lane | null
  /** A run that would delete more of the sync's rows waits for a person, in percent; null = the default. */
  readonly deletionPercentMax: number | null
  readonly state: SyncState
  readonly stateReason: Problem | null
  readonly decision: SyncDecision | null
  /** Grows with each resync. */
  readonly generation: number
  /** When what the last run kept in the warehouse expires; null where nothing is kept or it lives for ever. */
  readonly snapshotExpiresAt: Date | null
  readonly mappingVersion: number
  readonly mapping: Mapping
  readonly nextDueAt: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** Syncs that were not deleted, with the mapping of their newest version. */
export function selectSyncs(db: Queries) {
  return db
    .selectFrom('syncs')
    .innerJoin('sync_mappings', (join) =>
      join.onRef('sync_mappings.sync_id', '=', 'syncs.id').onRef('sync_mappings.version', '=', 'syncs.mapping_version'),
    )
    .select([
      'syncs.id',
      'syncs.project_id as projectId',
      'syncs.source_id as sourceId',
      'syncs.name',
      'syncs.table_schema as tableSchema',
      'syncs.table_name as tableName',
      'syncs.table_type as tableType',
      'syncs.profile_kind as profileKind',
      'syncs.mode',
      'syncs.schedule',
      'syncs.insert_time_column as insertTimeColumn',
      'syncs.overlap_ms as overlapMs',
      'syncs.import_id as importId',
      'syncs.lane_override as lane',
      'syncs.deletion_percent_max as deletionPercentMax',
      'syncs.state',
      'syncs.state_reason as stateReason',
      'syncs.decision',
      'syncs.generation',
      // Warehouses write it in milliseconds: libs/warehouses/src/mirror/mirror-cursor.ts.
      sql<Date | null>`to_timestamp((syncs.cursor #>> '{pin,expiresAt}')::float8 / 1000)`.as('snapshotExpiresAt'),
      'syncs.mapping_version as mappingVersion',
      'sync_mappings.mapping',
      'syncs.next_due_at as nextDueAt',
      'syncs.created_at as createdAt',
      'syncs.updated_at as updatedAt',
    ])
    .where('syncs.state', '<>', 'deleted')
}

/** A sync of a project; null when the project has none of this id. */
export async function getSync(
  db: Queries,
  { projectId, syncId }: { readonly projectId: string; readonly syncId: string },
): Promise<Sync | null> {
  const sync = await selectSyncs(db)
    .where('syncs.id', '=', syncId)
    .where('syncs.project_id', '=', projectId)
    .executeTakeFirst()
  return sync ?? null
}
