import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/** Rows and batches of the attempts that count, by partition. */
export type PartitionManifest = { readonly rows: readonly number[]; readonly batches: readonly number[] }

/** What was published of a run, once all its chunks are read. */
export async function partitionManifest(db: Queries, runId: string): Promise<PartitionManifest> {
  const { rows } = await sql<{ rows: number; batches: number }>`
    select coalesce(sum(task.partition_rows[partition + 1]), 0)::bigint as rows,
      coalesce(sum(task.partition_batches[partition + 1]), 0)::bigint as batches
    from runs run
    cross join generate_series(0, run.partitions - 1) as partition
    left join run_tasks task on task.run_id = run.id and task.kind = 'read' and task.state = 'done'
    where run.id = ${runId}
    group by partition
    order by partition`.execute(db)
  return { rows: rows.map((row) => row.rows), batches: rows.map((row) => row.batches) }
}
