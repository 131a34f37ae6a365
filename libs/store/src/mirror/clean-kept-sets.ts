import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import { isUnfinished } from '../runs/unfinished-run.ts'

/** Blobs removed by one statement. */
const blobsTogether = 1000

/**
 * Removes what is kept for a mirrored sync and is of no use: all but what its next run begins from, and what a run that is not over has
 * made. A run's blobs cannot come after it has ended (`keepBlobs`), and one that is not over uses none but its own and those that its sync
 * begins from; so each statement may look at the store anew. Safe to repeat.
 */
export async function cleanKeptSets(db: Queries, syncId: string): Promise<void> {
  await sql`
    delete from mirror_sets gone using syncs sync
    where sync.id = ${syncId} and gone.sync_id = sync.id and not (${isUsed('gone')})`.execute(db)
  for (;;) {
    const { numAffectedRows } = await sql`
      delete from mirror_blobs where id = any(array(
        select gone.id from mirror_blobs gone
        where gone.sync_id = ${syncId}
          and not exists (select from runs run where run.id = gone.run_id and ${isOpen})
          and gone.id not in (
            select blob from mirror_sets kept join syncs sync on sync.id = kept.sync_id, unnest(kept.blobs) as blob
            where kept.sync_id = ${syncId} and blob is not null and (${isUsed('kept')})
          )
        limit ${blobsTogether}
      ))`.execute(db)
    if (Number(numAffectedRows) < blobsTogether) return
  }
}

/** At work, or to be taken up by the sync's next run, or the one that such a run at work has taken up. */
const isOpen = sql`(run.state not in ('succeeded', 'failed', 'cancelled')
  or exists (select from syncs sync where sync.id = run.sync_id and ${isUnfinished}))`

/** Of a set beside its `sync`. */
function isUsed(set: 'gone' | 'kept') {
  const { id, run } = { id: sql.ref(`${set}.id`), run: sql.ref(`${set}.run_id`) }
  return sql`coalesce(sync.state <> 'deleted' and sync.cursor -> 'pin' ->> 'snapshot' = ${id}::text, false)
    or exists (select from runs run where run.id = ${run} and ${isOpen})`
}
