import type { RunState } from '@millrace/domain/sync/run-state.ts'
import type { Lane, Mode, TableType } from '@millrace/domain/words.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import type { Problem, RunTrigger } from '../schema.ts'

export type Run = {
  readonly id: string
  readonly projectId: string
  readonly syncId: string
  readonly importId: string
  readonly tableType: TableType
  readonly mode: Mode
  readonly runSeq: number
  readonly state: RunState
  readonly trigger: RunTrigger
  readonly lane: Lane
  readonly mappingVersion: number
  readonly rowsPlanned: number | null
  readonly readRows: number | null
  readonly identicalRows: number | null
  /** As the plan says; null before there is one. */
  readonly rowsReadAgain: number | null
  readonly rowsLeftOut: number | null
  /** Mirror: what the comparison has found, as the plan says; null before there is one, and for other modes. */
  readonly changes: RunChanges | null
  /** Counters at the end of a finished run, kept when its progress is cleaned away. */
  readonly totals: Readonly<Record<string, number>> | null
  readonly error: Problem | null
  readonly createdAt: Date
  readonly plannedAt: Date | null
  readonly readAt: Date | null
  readonly finishedAt: Date | null
}

/** `MirrorChanges` of a plan (libs/warehouses). */
export type RunChanges = {
  readonly inserts: number
  readonly updates: number
  readonly deletes: number
  readonly knownRows: number
  readonly identicalRows: number
}

export function selectRuns(db: Queries) {
  return db
    .selectFrom('runs')
    .innerJoin('syncs', 'syncs.id', 'runs.sync_id')
    .select((row) => [
      'runs.id',
      'runs.project_id as projectId',
      'runs.sync_id as syncId',
      'syncs.import_id as importId',
      'syncs.table_type as tableType',
      'syncs.mode',
      'runs.run_seq as runSeq',
      'runs.state',
      'runs.trigger',
      'runs.lane',
      'runs.mapping_version as mappingVersion',
      'runs.rows_planned as rowsPlanned',
      'runs.read_rows as readRows',
      'runs.identical_rows as identicalRows',
      row.fn<number | null>('jsonb_extract_path', ['runs.plan', row.val('rowsReadAgain')]).as('rowsReadAgain'),
      row.fn<number | null>('jsonb_extract_path', ['runs.plan', row.val('rowsLeftOut')]).as('rowsLeftOut'),
      // A plan without changes has a JSON null there.
      sql<RunChanges | null>`nullif(runs.plan -> 'changes', 'null'::jsonb)`.as('changes'),
      'runs.totals',
      'runs.error',
      'runs.created_at as createdAt',
      'runs.planned_at as plannedAt',
      'runs.read_at as readAt',
      'runs.finished_at as finishedAt',
    ])
}

/** A run of a project; null when the project has none of this id. `runId` is a UUID. */
export async function getRun(
  db: Queries,
  { projectId, runId }: { readonly projectId: string; readonly runId: string },
): Promise<Run | null> {
  const run = await selectRuns(db)
    .where('runs.id', '=', runId)
    .where('runs.project_id', '=', projectId)
    .executeTakeFirst()
  return run ?? null
}
