import type { Queries } from '../open-store.ts'
import type { SyncDecision } from '../schema.ts'
import { StoreError } from '../store-error.ts'
import { type UnfinishedRun, unfinishedRun } from './unfinished-run.ts'

export type PlanInputs = {
  readonly table: { readonly schema: string; readonly name: string }
  readonly insertTimeColumn: string | null
  readonly overlapMs: number
  /** As the plan of the last succeeded run gave it; null = from the beginning. */
  readonly cursor: { readonly hi: string | null; readonly pin: Readonly<Record<string, unknown>> } | null
  /** null = nobody has decided anything. */
  readonly decision: SyncDecision | null
  /** 0 to 100; null = the default. */
  readonly deletionPercentMax: number | null
  /** Mirror: what must be loaded to its end before the table is compared again; null = nothing. */
  readonly unfinished: UnfinishedRun | null
}

/** What a run's plan is made from. Throws StoreError `not_found`. */
export async function planInputs(db: Queries, runId: string): Promise<PlanInputs> {
  const row = await db
    .selectFrom('runs')
    .innerJoin('syncs', 'syncs.id', 'runs.sync_id')
    .select([
      'syncs.table_schema',
      'syncs.table_name',
      'syncs.insert_time_column',
      'syncs.overlap_ms',
      'syncs.cursor',
      'syncs.decision',
      'syncs.deletion_percent_max',
    ])
    .where('runs.id', '=', runId)
    .executeTakeFirst()
  if (!row) throw new StoreError('not_found', `There is no run ${runId}.`)
  return {
    table: { schema: row.table_schema, name: row.table_name },
    insertTimeColumn: row.insert_time_column,
    overlapMs: row.overlap_ms,
    cursor: row.cursor as PlanInputs['cursor'],
    decision: row.decision,
    deletionPercentMax: row.deletion_percent_max,
    unfinished: await unfinishedRun(db, runId),
  }
}
