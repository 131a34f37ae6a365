import type { OpenRun } from '@millrace/store/completion/open-runs.ts'

/** What is to be done with an open run. */
export type Verdict =
  | { readonly kind: 'wait' }
  /** Everything has come through: compare it with the manifest. */
  | { readonly kind: 'count' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly code: 'records_lost' | 'run_stuck' }

/** Decides about a run from what is known of it. Pure. */
export function judgeRun(run: OpenRun, { stuckMs }: { readonly stuckMs: number }): Verdict {
  // Who still reads for it finds out at the next renewal of the lease; a dead reader's lease runs out.
  if (run.state === 'cancelling') return run.leasedTasks === 0 ? { kind: 'cancelled' } : { kind: 'wait' }
  if (run.gap) return { kind: 'failed', code: 'records_lost' }
  if (run.state === 'draining' && run.ended) return { kind: 'count' }
  if (run.quietMs > stuckMs && !run.waitsForDestination) return { kind: 'failed', code: 'run_stuck' }
  return { kind: 'wait' }
}
