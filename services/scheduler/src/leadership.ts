import { setTimeout as sleep } from 'node:timers/promises'
import { acquireLease } from '@millrace/store/leases/acquire-lease.ts'
import { releaseLease } from '@millrace/store/leases/release-lease.ts'
import type { Queries } from '@millrace/store/open-store.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'

export type LeadershipOptions = {
  readonly name: string
  /** Name of this process's life. */
  readonly owner: string
  readonly leaseMs: number
  readonly log: Logger
}

/**
 * One of several processes leads, by a lease in the store; another takes over when it stops, or `leaseMs` after it has
 * died. What a leader does must still be safe when two believe they lead: a process can sleep through the end of its
 * lease.
 */
export class Leadership {
  readonly #db: Queries
  readonly #options: LeadershipOptions
  #leadsUntil = 0
  #epoch: number | null = null

  constructor(db: Queries, options: LeadershipOptions) {
    this.#db = db
    this.#options = options
  }

  get leads(): boolean {
    return performance.now() < this.#leadsUntil
  }

  /** Tries to lead, and goes on trying, until `stop`; then lets the others go on at once. */
  async keep(stop: AbortSignal): Promise<void> {
    const { leaseMs, log } = this.#options
    while (!stop.aborted) {
      await this.#ask().catch((err) => log.warn({ err }, 'the lease could not be asked for'))
      await sleep(leaseMs / 3, undefined, { signal: stop }).catch(() => undefined)
    }
    this.#leadsUntil = 0
    await releaseLease(this.#db, this.#options).catch((err) => log.warn({ err }, 'the lease runs out by itself'))
  }

  async #ask(): Promise<void> {
    const { leaseMs, log } = this.#options
    const asked = performance.now()
    const epoch = await acquireLease(this.#db, this.#options)
    this.#leadsUntil = epoch === null ? 0 : asked + leaseMs
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    log.info({ epoch }, epoch === null ? 'standing by' : 'leading')
  }
}
