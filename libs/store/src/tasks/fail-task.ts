import { asksForPerson } from '@millrace/domain/sync/asks-for-person.ts'
import { openRunStates } from '@millrace/domain/sync/run-state.ts'
import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'
import { endRun } from '../runs/end-run.ts'
import type { Problem } from '../schema.ts'
import { pauseForAttention } from '../syncs/pause-for-attention.ts'
import type { TaskLease } from './finish-task.ts'
import { lockRun } from './lock-run.ts'

/** A clean-up that seems pointless is tried again after this all the same: what is left in a warehouse costs money. */
const cleanAgainMs = 3_600_000

export type TaskFailure = TaskLease & {
  readonly error: Problem
  /** 0 = at once, which is not counted as a failure (a lost pin, a process that stops); null = trying again is pointless. */
  readonly retryInMs: number | null
}

/**
 * Gives a leased task back: to be leased again after `retryInMs`, or, with null, failing its run with the error, and then
 * stopping its sync when the error asks a person to decide. False, and nothing is changed, when the lease is another's by now.
 */
export async function failTask(db: Queries, failure: TaskFailure): Promise<boolean> {
  const { runId, kind, index, attempt, error } = failure
  const final = failure.retryInMs === null
  const retryInMs = failure.retryInMs ?? (kind === 'clean' ? cleanAgainMs : 0)
  return inTransaction(db, async (tx) => {
    await lockRun(tx, runId)
    const given = await tx
      .updateTable('run_tasks')
      .set({
        state: 'pending',
        lease_until: null,
        last_error: jsonText(error),
        failures: sql<number>`failures + ${final || retryInMs > 0 ? 1 : 0}`,
        not_before: sql<Date>`now() + ${retryInMs}::float8 * interval '1 ms'`,
        updated_at: sql`now()`,
      })
      .where('run_id', '=', runId)
      .where('kind', '=', kind)
      .where('index', '=', index)
      .where('attempt', '=', attempt)
      .where('state', '=', 'leased')
      .returning('run_id')
      .executeTakeFirst()
    if (!given) return false
    if (final && kind !== 'clean') await failRun(tx, failure)
    return true
  })
}

async function failRun(tx: Queries, { runId, kind, error }: TaskFailure): Promise<void> {
  // A run that is being cancelled ends as cancelled, whatever its readers meet on the way.
  const from = openRunStates.filter((state) => state !== 'cancelling')
  if (!(await endRun(tx, { runId, from, to: 'failed', error }))) return
  const { id: syncId, mode } = await tx
    .selectFrom('runs')
    .innerJoin('syncs', 'syncs.id', 'runs.sync_id')
    .select(['syncs.id', 'syncs.mode'])
    .where('runs.id', '=', runId)
    .executeTakeFirstOrThrow()
  if (asksForPerson({ mode, kind, code: error.code })) await pauseForAttention(tx, { syncId, reason: error })
}
