/** Records that may come at once after a pause, in seconds of the rate. */
const burstSeconds = 2

/** A token bucket over a project's records. */
export class RateLimit {
  readonly #perSecond: number
  #tokens: number
  #atMs: number

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#tokens = perSecond * burstSeconds
    this.#atMs = nowMs
  }

  /** Takes `records`; 0, or the seconds after which to try again. More than a burst is taken from a full bucket. */
  take(records: number, nowMs: number): number {
    const full = this.#perSecond * burstSeconds
    this.#tokens = Math.min(full, this.#tokens + (Math.max(0, nowMs - this.#atMs) / 1000) * this.#perSecond)
    this.#atMs = nowMs
    const needed = Math.min(records, full)
    if (this.#tokens < needed) return Math.max(1, Math.ceil((needed - this.#tokens) / this.#perSecond))
    this.#tokens -= records
    return 0
  }
}
