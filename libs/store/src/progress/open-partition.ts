import { openRunStates } from '@millrace/domain/sync/run-state.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

export type CountedSeq = {
  readonly runId: string
  readonly chunk: number
  readonly attempt: number
  readonly nextSeq: number
}

export type OpenedPartition = {
  /** Where to go on; null = nothing was recorded yet: from the beginning. */
  readonly nextOffset: bigint | null
  /** What is counted of the runs that are not finished. */
  readonly counted: readonly CountedSeq[]
}

/**
 * Where a partition stands, for its new owner. An owner before may still record a step; the new one's next step is then
 * refused, and it opens the partition again.
 */
export async function openPartition(
  db: Queries,
  { topic, partition, owner }: { readonly topic: string; readonly partition: number; readonly owner: string },
): Promise<OpenedPartition> {
  // One statement, one snapshot: offset and counts belong together. The row is written by recordProgress only in
  // statements that write the counts as well.
  await db
    .insertInto('partition_progress')
    .values({ topic, partition, owner })
    .onConflict((conflict) => conflict.columns(['topic', 'partition']).doUpdateSet({ owner }))
    .execute()
  const { rows } = await sql<{ nextOffset: string | null; counted: CountedSeq[] }>`
    select progress.next_offset::text as "nextOffset", (
      select coalesce(jsonb_agg(jsonb_build_object(
        'runId', counted.run_id, 'chunk', counted.chunk, 'attempt', counted.attempt, 'nextSeq', counted.next_seq
      )), '[]')
      from runs run join run_progress counted on counted.run_id = run.id
      where run.state = any(${[...openRunStates]}) and counted.partition = ${partition}
    ) as counted
    from partition_progress progress where progress.topic = ${topic} and progress.partition = ${partition}`.execute(db)
  const { nextOffset = null, counted = [] } = rows[0] ?? {}
  return { nextOffset: nextOffset === null ? null : BigInt(nextOffset), counted }
}
