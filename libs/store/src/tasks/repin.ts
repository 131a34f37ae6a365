import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import { lockRun } from './lock-run.ts'

export type Repinning = {
  readonly runId: string
  /** The epoch that the caller's new pin replaces. */
  readonly expectedPinEpoch: number
  readonly plan: { readonly chunks: readonly unknown[] }
  readonly pinShared: string | null
  readonly pinOwner: string
  /** Chunks already read, or being read, are read again. */
  readonly rereadAll: boolean
}

/**
 * Replaces a lost pin by compare-and-set on its epoch: of several readers that noticed, one wins and the others get
 * false. False as well when the run reads no longer.
 */
export async function repin(db: Queries, repinning: Repinning): Promise<boolean> {
  const { runId, expectedPinEpoch, plan, pinShared, pinOwner, rereadAll } = repinning
  return inTransaction(db, async (tx) => {
    if ((await lockRun(tx, runId)) !== 'reading') return false
    const won = await tx
      .updateTable('runs')
      .set({
        plan: jsonText(plan),
        pin_shared: pinShared,
        pin_owner: pinOwner,
        pin_epoch: expectedPinEpoch + 1,
        ...(rereadAll ? { identical_rows: null } : {}),
      })
      .where('id', '=', runId)
      .where('pin_epoch', '=', expectedPinEpoch)
      // With a close task everything is read, and the manifest may stand in the topics already.
      .where((run) =>
        run.not(
          run.exists(
            run.selectFrom('run_tasks').select('index').where('run_id', '=', runId).where('kind', '=', 'close'),
          ),
        ),
      )
      .returning('id')
      .executeTakeFirst()
    if (!won) return false
    if (rereadAll) await readAgain(tx, runId, plan.chunks)
    return true
  })
}

/**
 * Every chunk of the new plan is pending, whoever works on it; its next lease has a higher attempt than all before. A
 * chunk that the new plan does not have any more counts as read, with nothing in it.
 */
async function readAgain(tx: Queries, runId: string, chunks: readonly unknown[]): Promise<void> {
  await sql`
    insert into run_tasks as task (run_id, kind, index, spec)
    select ${runId}, 'read', position - 1, chunk
    from jsonb_array_elements(${jsonText(chunks)}::jsonb) with ordinality as chunks (chunk, position)
    on conflict (run_id, kind, index) do update
    set state = 'pending', spec = excluded.spec, lease_until = null, not_before = null, rows = 0,
      published_bytes = 0, loaded = false, partition_rows = null, partition_batches = null, updated_at = now()`.execute(
    tx,
  )
  await sql`
    update run_tasks
    set state = 'done', attempt = attempt + 1, lease_until = null, rows = 0, published_bytes = 0,
      partition_rows = '{}', partition_batches = '{}', updated_at = now()
    where run_id = ${runId} and kind = 'read' and index >= ${chunks.length}`.execute(tx)
  await sql`
    update run_tasks set state = 'pending', lease_until = null, not_before = null, updated_at = now()
    where run_id = ${runId} and kind = 'count'`.execute(tx)
}
