import type { RunState } from '@millrace/domain/sync/run-state.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import { type RunTotals, runTotals } from './run-totals.ts'

export type PartitionCounts = {
  readonly partition: number
  /** What was published, by the attempts that count and are finished. */
  readonly manifestRows: number
  readonly manifestBatches: number
  /** What was counted of these attempts. */
  readonly rows: number
  readonly batches: number
  /** Loaded, rejected, filtered: together they should be `rows`. */
  readonly accepted: number
  readonly rejected: number
  readonly filtered: number
  /** A batch of a counting attempt came before the one that should have. */
  readonly gap: boolean
  /** Attempts whose counted rows or batches are not those of the manifest. */
  readonly unequal: number
  /** `run_end` was reached. */
  readonly ended: boolean
}

export type RunCounts = {
  readonly state: RunState
  readonly totals: RunTotals
  readonly rowsPlanned: number | null
  /** Rows read so far, by the attempts that count or are at work. */
  readonly rowsRead: number
  readonly identicalRows: number | null
  /** Empty before the run is planned, and once its details were pruned. */
  readonly partitions: readonly PartitionCounts[]
}

/** How far a run is, and what its manifest says; null when there is none. A finished run's totals stay after pruning. */
export async function runCounts(db: Queries, runId: string): Promise<RunCounts | null> {
  const run = await db
    .selectFrom('runs')
    .select((row) => [
      'state',
      'totals',
      'rows_planned as rowsPlanned',
      'identical_rows as identicalRows',
      row.fn
        .coalesce(
          'read_rows',
          row
            .selectFrom('run_tasks')
            .select((task) => sql<number>`coalesce(${task.fn.sum('rows')}, 0)::bigint`.as('rows'))
            .whereRef('run_tasks.run_id', '=', 'runs.id')
            .where('kind', '=', 'read'),
        )
        .as('rowsRead'),
    ])
    .where('id', '=', runId)
    .executeTakeFirst()
  if (!run) return null
  const { totals, ...rest } = run
  return {
    ...rest,
    rowsRead: run.rowsRead ?? 0,
    totals: (totals as RunTotals | null) ?? (await runTotals(db, runId)),
    partitions: await partitionCounts(db, runId),
  }
}

/** Manifest against what was counted, by partition: the manifest equation of docs/architecture.md. */
export async function partitionCounts(db: Queries, runId: string): Promise<PartitionCounts[]> {
  const { rows } = await sql<PartitionCounts>`
    select partition,
      coalesce(sum(manifest_rows), 0)::bigint as "manifestRows",
      coalesce(sum(manifest_batches), 0)::bigint as "manifestBatches",
      coalesce(sum(rows), 0)::bigint as rows,
      coalesce(sum(batches), 0)::bigint as batches,
      coalesce(sum(accepted), 0)::bigint as accepted,
      coalesce(sum(rejected), 0)::bigint as rejected,
      coalesce(sum(filtered), 0)::bigint as filtered,
      coalesce(bool_or(gap_seq is not null), false) as gap,
      count(*) filter (where manifest_rows <> rows or manifest_batches <> batches) as unequal,
      coalesce(bool_or(ended), false) as ended
    from (
      select part.partition,
        coalesce(task.partition_rows[part.partition + 1], 0) as manifest_rows,
        coalesce(task.partition_batches[part.partition + 1], 0) as manifest_batches,
        coalesce(progress.rows, 0) as rows,
        coalesce(progress.next_seq, 0) as batches,
        progress.events + progress.updates + progress.deletes + progress.user_updates + progress.user_deletes
          + progress.group_updates + progress.group_deletes + progress.lookup_rows as accepted,
        progress.rejected, progress.filtered, progress.gap_seq,
        ending.ended_at is not null as ended
      from runs run
      cross join generate_series(0, run.partitions - 1) as part (partition)
      left join run_tasks task on task.run_id = run.id and task.kind = 'read' and task.state = 'done'
      left join run_progress progress
        on progress.run_id = run.id and progress.chunk = task.index and progress.attempt = task.attempt
          and progress.partition = part.partition
      left join run_partitions ending on ending.run_id = run.id and ending.partition = part.partition
      where run.id = ${runId}
    ) chunk
    group by partition
    order by partition`.execute(db)
  return rows
}
