const free = 10
const entriesMax = 10_000
const longestMs = 60_000

/** Wrong sign-ins by caller and user name: after ten in a row each further one makes it wait twice as long, up to a minute. */
export class FailedSignIns {
  readonly #now: () => number
  readonly #entries = new Map<string, { count: number; until: number }>()

  /** `now` in ms. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** How long this one has to wait, ms. */
  waitMs(source: string): number {
    return Math.max(0, (this.#entries.get(source)?.until ?? 0) - this.#now())
  }

  add(source: string): void {
    const count = (this.#entries.get(source)?.count ?? 0) + 1
    const waitMs = count < free ? 0 : Math.min(longestMs, 1000 * 2 ** Math.min(count - free, 10))
    this.#entries.delete(source)
    this.#entries.set(source, { count, until: this.#now() + waitMs })
    if (this.#entries.size > entriesMax) this.#entries.delete(this.#entries.keys().next().value!)
  }

  forget(source: string): void {
    this.#entries.delete(source)
  }
}
