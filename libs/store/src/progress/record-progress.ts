import { sql } from 'kysely'
import { jsonText, plainText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import type { BatchCount, ParkingChange, PartitionEnd, RejectedRow } from './batch-count.ts'

/** Rejected rows whose details are kept, per run and partition. The counters are exact all the same. */
export const rejectsKeptMax = 1000

export type ProgressStep = {
  readonly topic: string
  readonly partition: number
  /** Where the partition stood: null before anything of it was recorded. */
  readonly expectedOffset: bigint | null
  /** Where it stands when this is recorded. */
  readonly nextOffset: bigint
  /** In the order of the partition. */
  readonly counts: readonly BatchCount[]
  readonly rejects: readonly RejectedRow[]
  readonly ends: readonly PartitionEnd[]
  readonly parked?: readonly ParkingChange[]
}

/**
 * Moves a partition forward and counts what lies between, in one statement: all of it or nothing. False = the partition
 * is not at `expectedOffset`, because another owner moved it (or this one did, and the answer was lost); nothing was
 * written, and the caller has to open the partition again.
 *
 * A batch is counted when its `seq` is the next one of (run, partition, chunk, attempt). A lower one was counted before
 * and is dropped. A higher one means that batches are lost: it is not counted, and the first of them stays as `gap_seq`,
 * so that the run fails if the attempt is one that counts. Hence two owners who overlap, a batch produced twice, and a
 * partition read again all give one linear history. Proved by test/linear-history.test.ts.
 */
export async function recordProgress(db: Queries, step: ProgressStep): Promise<boolean> {
  const { topic, partition, expectedOffset, nextOffset, counts, ends, parked = [] } = step
  const rejects = firstOfEachRun(step.rejects)
  // `step` tells whether the row is still the one of this statement's snapshot: after waiting for another's statement,
  // what was read of run_progress is out of date, even when the offset was held where it was.
  const { rows } = await sql<{ moved: boolean }>`/* prepared: record-progress */
    with seen as materialized (
      select step from partition_progress where topic = ${topic} and partition = ${partition}
    ), moved as (
      update partition_progress known set next_offset = ${nextOffset.toString()}::bigint, step = known.step + 1
      from seen
      where known.topic = ${topic} and known.partition = ${partition} and known.step = seen.step
        and known.next_offset is not distinct from ${expectedOffset?.toString() ?? null}::bigint
      returning known.partition
    ), batch as (
      select distinct on (run_id, chunk, attempt, seq) batch.*
      from moved, jsonb_to_recordset(${jsonText(counts.map(batchRow))}::jsonb) as batch (
        run_id uuid, chunk int, attempt int, seq int, rows bigint, events bigint, updates bigint, deletes bigint,
        user_updates bigint, user_deletes bigint, group_updates bigint, group_deletes bigint, lookup_rows bigint,
        rejected bigint, filtered bigint, bytes bigint, sent bigint)
      order by run_id, chunk, attempt, seq
    ), numbered as (
      select batch.*, coalesce(progress.next_seq, 0) as next_seq,
        coalesce(progress.next_seq, 0) - 1 + row_number() over (
          partition by batch.run_id, batch.chunk, batch.attempt order by batch.seq
        ) as due_seq
      from batch left join run_progress progress
        on progress.run_id = batch.run_id and progress.chunk = batch.chunk and progress.attempt = batch.attempt
          and progress.partition = ${partition}
      where batch.seq >= coalesce(progress.next_seq, 0)
    ), counted as (
      insert into run_progress as progress (run_id, partition, chunk, attempt, next_seq, rows, events, updates, deletes,
        user_updates, user_deletes, group_updates, group_deletes, lookup_rows, rejected, filtered, bytes, sent, gap_seq)
      select run_id, ${partition}, chunk, attempt, next_seq + count(*) filter (where seq = due_seq),
        coalesce(sum(rows) filter (where seq = due_seq), 0),
        coalesce(sum(events) filter (where seq = due_seq), 0),
        coalesce(sum(updates) filter (where seq = due_seq), 0),
        coalesce(sum(deletes) filter (where seq = due_seq), 0),
        coalesce(sum(user_updates) filter (where seq = due_seq), 0),
        coalesce(sum(user_deletes) filter (where seq = due_seq), 0),
        coalesce(sum(group_updates) filter (where seq = due_seq), 0),
        coalesce(sum(group_deletes) filter (where seq = due_seq), 0),
        coalesce(sum(lookup_rows) filter (where seq = due_seq), 0),
        coalesce(sum(rejected) filter (where seq = due_seq), 0),
        coalesce(sum(filtered) filter (where seq = due_seq), 0),
        coalesce(sum(bytes) filter (where seq = due_seq), 0),
        coalesce(sum(sent) filter (where seq = due_seq), 0),
        min(seq) filter (where seq > due_seq)
      from numbered
      group by run_id, chunk, attempt, next_seq
      on conflict (run_id, chunk, attempt, partition) do update
      set next_seq = excluded.next_seq,
        rows = progress.rows + excluded.rows,
        events = progress.events + excluded.events,
        updates = progress.updates + excluded.updates,
        deletes = progress.deletes + excluded.deletes,
        user_updates = progress.user_updates + excluded.user_updates,
        user_deletes = progress.user_deletes + excluded.user_deletes,
        group_updates = progress.group_updates + excluded.group_updates,
        group_deletes = progress.group_deletes + excluded.group_deletes,
        lookup_rows = progress.lookup_rows + excluded.lookup_rows,
        rejected = progress.rejected + excluded.rejected,
        filtered = progress.filtered + excluded.filtered,
        bytes = progress.bytes + excluded.bytes,
        sent = progress.sent + excluded.sent,
        gap_seq = coalesce(progress.gap_seq, excluded.gap_seq)
    ), reject as (
      select reject.*, row_number() over (partition by reject.run_id order by reject.chunk, reject.ordinal) as position
      from moved, jsonb_to_recordset(${jsonText(rejects.map(rejectRow))}::jsonb) as reject (
        run_id uuid, chunk int, attempt int, ordinal bigint, stage text, row_id text, code text, field text, message text)
    ), kept as (
      insert into rejects (run_id, partition, chunk, ordinal, attempt, stage, row_id, code, field, message)
      select reject.run_id, ${partition}, chunk, ordinal, attempt, stage, row_id, code, field, message
      from reject left join run_partitions seen
        on seen.run_id = reject.run_id and seen.partition = ${partition}
      where coalesce(seen.rejects_kept, 0) + reject.position <= ${rejectsKeptMax}
      on conflict do nothing
      returning run_id
    ), ending as (
      select distinct on (run_id) run_id, epoch, rows, batches
      from moved, jsonb_to_recordset(${jsonText(ends.map(endRow))}::jsonb) as ending (
        run_id uuid, epoch int, rows bigint, batches bigint)
      order by run_id, epoch desc
    ), touched as (
      insert into run_partitions as known (run_id, partition, end_epoch, end_rows, end_batches, ended_at, rejects_kept)
      select run_id, ${partition}, ending.epoch, ending.rows, ending.batches,
        case when ending.run_id is not null then now() end,
        (select count(*) from kept where kept.run_id = run.run_id)
      from (
        select run_id from batch union select run_id from ending union select run_id from reject
      ) run left join ending using (run_id)
      on conflict (run_id, partition) do update
      set updated_at = now(),
        rejects_kept = known.rejects_kept + excluded.rejects_kept,
        end_epoch = greatest(known.end_epoch, excluded.end_epoch),
        end_rows = case when excluded.end_epoch > coalesce(known.end_epoch, -1)
          then excluded.end_rows else known.end_rows end,
        end_batches = case when excluded.end_epoch > coalesce(known.end_epoch, -1)
          then excluded.end_batches else known.end_batches end,
        ended_at = coalesce(known.ended_at, excluded.ended_at)
    ), parking as (
      insert into parkings (project_id, lane, partition, state, last_parked_offset)
      select change.project_id, change.lane, ${partition}, change.state, change.last_parked_offset
      from moved, jsonb_to_recordset(${jsonText(parked.map(parkingRow))}::jsonb) as change (
        project_id text, lane text, state text, last_parked_offset bigint)
      on conflict (project_id, lane, partition) do update
      set state = excluded.state, last_parked_offset = excluded.last_parked_offset,
        since = case when parkings.state = excluded.state then parkings.since else now() end
    )
    select exists (select from moved) as moved`.execute(db)
  return rows[0]?.moved === true
}

function firstOfEachRun(rejects: readonly RejectedRow[]): readonly RejectedRow[] {
  if (rejects.length <= rejectsKeptMax) return rejects
  const taken = new Map<string, number>()
  return rejects.filter(({ runId }) => {
    const count = taken.get(runId) ?? 0
    taken.set(runId, count + 1)
    return count < rejectsKeptMax
  })
}

function batchRow(count: BatchCount) {
  const { runId, userUpdates, userDeletes, groupUpdates, groupDeletes, lookupRows, ...same } = count
  return {
    ...same,
    run_id: runId,
    user_updates: userUpdates,
    user_deletes: userDeletes,
    group_updates: groupUpdates,
    group_deletes: groupDeletes,
    lookup_rows: lookupRows,
  }
}

function rejectRow({ runId, rowId, field, message, ...same }: RejectedRow) {
  return { ...same, run_id: runId, row_id: rowId, field: plainText(field), message: plainText(message) }
}

function endRow({ runId, epoch, rows, batches }: PartitionEnd) {
  return { run_id: runId, epoch, rows, batches }
}

function parkingRow({ projectId, lane, state, lastParkedOffset }: ParkingChange) {
  return { project_id: projectId, lane, state, last_parked_offset: lastParkedOffset?.toString() ?? null }
}
