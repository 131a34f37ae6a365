import type { RunState } from '@millrace/domain/sync/run-state.ts'
import type { Queries } from '../open-store.ts'

/** Locks a run's row until the transaction ends, so that what several tasks decide together is decided by one at a time. */
export async function lockRun(tx: Queries, runId: string): Promise<RunState | null> {
  const run = await tx.selectFrom('runs').select('state').where('id', '=', runId).forUpdate().executeTakeFirst()
  return run?.state ?? null
}
