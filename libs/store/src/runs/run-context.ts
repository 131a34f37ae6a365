import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import type { RunState } from '@millrace/domain/sync/run-state.ts'
import type { Lane, Mode, ProfileKind, TableType, WarehouseKind } from '@millrace/domain/words.ts'
import { sql } from 'kysely'
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
  /**
   * The run begins a mirror anew, after a resync: until a run of its generation has succeeded, what the generations before
   * this one left at the destination has to go before its own rows come. null = nothing has to go.
   */
  readonly replacesGenerationsBefore: number | null
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
      sql<number | null>`case when syncs.mode = 'mirror' and runs.generation > 1 and not exists (
        select from runs before where before.sync_id = runs.sync_id and before.generation = runs.generation
          and before.run_seq < runs.run_seq and before.state = 'succeeded'
      ) then runs.generation end`.as('replacesGenerationsBefore'),
      row.fn<RowSchema | null>('jsonb_extract_path', ['runs.plan', row.val('schema')]).as('schema'),
    ])
    .where('runs.id', '=', runId)
    .executeTakeFirst()
  return row ?? null
}
