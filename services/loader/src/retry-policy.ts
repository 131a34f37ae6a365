/** How a request is repeated: full jitter, within a budget of time rather than a number. */
export type RetryPolicy = {
  /** The first wait is at most this, ms; each further one at most twice the one before. */
  readonly firstMs: number
  readonly maxMs: number
  /** From the first failure on, ms; after that a person must look. */
  readonly budgetMs: number
}

export const defaultRetryPolicy: RetryPolicy = { firstMs: 500, maxMs: 60_000, budgetMs: 6 * 3_600_000 }

/** Added on top of what the destination asked for, so that not everybody comes back at once. */
const spreadMs = 1000

export type RetryState = {
  /** Failures so far, this one included. */
  readonly failures: number
  /** Since the first failure. */
  readonly elapsedMs: number
  /** What the destination asked for. */
  readonly afterMs?: number | undefined
  /** From 0 to below 1. */
  readonly random: number
}

/** How long to wait before the next attempt, ms; null when the budget is used up. Never less than the destination asked for. */
export function retryWaitMs(policy: RetryPolicy, { failures, elapsedMs, afterMs, random }: RetryState): number | null {
  const leftMs = policy.budgetMs - elapsedMs
  if (leftMs <= 0) return null
  if (afterMs !== undefined && afterMs > leftMs) return null
  const ceiling = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(failures - 1, 30))
  const wait = afterMs === undefined ? random * ceiling : afterMs + random * Math.min(ceiling, spreadMs)
  return Math.min(wait, leftMs)
}
