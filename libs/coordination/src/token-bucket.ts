/** A sustained rate and what may come at once. */
export type BucketRate = {
  readonly tokensPerSecond: number
  /** Tokens that may be taken at once after a pause. */
  readonly burstTokens: number
}

export type TokenBucket = {
  /**
   * Takes tokens, in advance when there are not enough, and gives how long to wait before using them, ms. Takers are
   * served in the order in which they ask.
   */
  take(tokens: number): Promise<number>
}

/**
 * The generic cell rate algorithm with reservation: `tat` is when the bucket will be full again, ms.
 * Gives the new `tat` and the wait. The Lua script of `SharedBuckets` does the same.
 */
export function reserve(
  tat: number,
  nowMs: number,
  tokens: number,
  rate: BucketRate,
): { readonly tat: number; readonly waitMs: number } {
  const msPerToken = 1000 / rate.tokensPerSecond
  const next = Math.max(tat, nowMs) + tokens * msPerToken
  return { tat: next, waitMs: Math.max(0, Math.round(next - rate.burstTokens * msPerToken - nowMs)) }
}

/** A bucket of this process alone. */
export class LocalBucket implements TokenBucket {
  readonly #rate: BucketRate
  readonly #now: () => number
  #tat = 0

  constructor(rate: BucketRate, now: () => number) {
    this.#rate = rate
    this.#now = now
  }

  async take(tokens: number): Promise<number> {
    const { tat, waitMs } = reserve(this.#tat, this.#now(), tokens, this.#rate)
    this.#tat = tat
    return waitMs
  }
}
