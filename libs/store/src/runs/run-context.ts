import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import type { RunState } from '@millrace/domain/sync/run-state.ts'
import type { Lane, Mode, ProfileKind, TableType, WarehouseKind } from '@millrace/domain/words.ts'
import type { Queries } from '../open-store.ts'

/** What the services on a row's way need to know of its run. All but `state` and `schema` is fixed when the run is made. */
export type RunContext = {
  readonly runId: string
  readonly syncId: string
  readonly projectId: string
  readonly sourceId: string
  readonly importId: string
  readonly warehouse: WarehouseKind
  readonly tableType: TableType
  readonly profileKind: ProfileKind | null
  readonly mode: Mode
  readonly generation: number
  readonly runSeq: number
  readonly lane: Lane
  readonly mapping: Mapping
  readonly mappingVersion: number
  readonly state: RunState
  /** null until the run is planned. */
  readonly schema: RowSchema | null
}

/** Looks a run up; null when there is none. */
export async function runContext(db: Queries, runId: string): Promise<RunContext | null> {
  const row = await db
    .selectFrom('runs')
    .innerJoin('syncs', 'syncs.id', 'runs.sync_id')
    .innerJoin('sync_mappings', (join) =>
      join
        .onRef('sync_mappings.sync_id', '=', 'runs.sync_id')
        .onRef('sync_mappings.version', '=', 'runs.mapping_version'),
    )
    .select((row) => [
      'runs.id as runId',
      'runs.sync_id as syncId',
      'runs.project_id as projectId',
      'runs.source_id as sourceId',
      'syncs.import_id as importId',
      'runs.warehouse',
      'syncs.table_type as tableType',
      'syncs.profile_kind as profileKind',
      'syncs.mode',
      'runs.generation',
      'runs.run_seq as runSeq',
      'runs.lane',
      'sync_mappings.mapping',
      'runs.mapping_version as mappingVersion',
      'runs.state',
      row.fn<RowSchema | null>('jsonb_extract_path', ['runs.plan', row.val('schema')]).as('schema'),
    ])
    .where('runs.id', '=', runId)
    .executeTakeFirst()
  return row ?? null
}
