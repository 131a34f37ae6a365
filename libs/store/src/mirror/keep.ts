import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import { StoreError } from '../store-error.ts'
import type { StoredSet } from './kept-set.ts'

/** The plan task under whose lease something is kept. */
export type Keeping = { readonly syncId: string; readonly runId: string; readonly attempt: number }

/**
 * Keeps blobs for a run that is being planned, with ids that the caller has made. Throws StoreError `conflict` when the lease is
 * another's by now or the run is to end: then nothing is written, so nothing comes after the run was cleaned.
 */
export async function keepBlobs(
  db: Queries,
  keeping: Keeping,
  blobs: readonly { readonly id: string; readonly bytes: Buffer }[],
): Promise<void> {
  if (blobs.length === 0) return
  const ids = blobs.map(({ id }) => id)
  const contents = blobs.map(({ bytes }) => bytes)
  const { numAffectedRows } = await sql`
    ${underLease(keeping)}
    insert into mirror_blobs (id, sync_id, run_id, bytes)
    select given.id, ${keeping.syncId}, ${keeping.runId}, given.bytes
    from lease, unnest(${ids}::uuid[], ${contents}::bytea[]) as given (id, bytes)`.execute(db)
  if (Number(numAffectedRows) !== blobs.length) throw leaseLost(keeping)
}

/** Keeps what the next run begins from once this one has succeeded. Throws as `keepBlobs`. */
export async function keepSet(db: Queries, keeping: Keeping, id: string, { head, blobs }: StoredSet): Promise<void> {
  const { numAffectedRows } = await sql`
    ${underLease(keeping)}
    insert into mirror_sets (id, sync_id, run_id, head, blobs)
    select ${id}::uuid, ${keeping.syncId}, ${keeping.runId}, ${head}::bytea, ${blobs}::uuid[] from lease`.execute(db)
  if (Number(numAffectedRows) !== 1) throw leaseLost(keeping)
}

/** Holds the run and its task as they are until the statement has written; in the order in which others lock them. */
function underLease({ runId, attempt }: Keeping) {
  return sql`with run as materialized (
      select id from runs where id = ${runId} and state = 'planning' for share
    ), lease as materialized (
      select 1 from run_tasks
      where run_id = (select id from run) and kind = 'plan' and index = 0 and attempt = ${attempt} and state = 'leased'
      for share
    )`
}

function leaseLost({ runId }: Keeping): StoreError {
  return new StoreError('conflict', `Run ${runId} is not planned under this lease any more.`)
}
