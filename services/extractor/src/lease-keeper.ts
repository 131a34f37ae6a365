import type { RunState } from '@millrace/domain/sync/run-state.ts'
import { MillraceError } from '@millrace/domain/errors.ts'
import type { Database } from '@millrace/store/open-store.ts'
import type { LeasedTask } from '@millrace/store/tasks/lease-task.ts'
import { renewLease } from '@millrace/store/tasks/renew-lease.ts'

export class LeaseLost extends MillraceError {}

export type LeaseKeeperOptions = {
  readonly leaseMs: number
  readonly renewEveryMs: number
  /** A run may have this many bytes published and not yet loaded before its readers wait. */
  readonly inFlightBytesMax: number
  /** Bytes and rows of this attempt so far. */
  progress(): { readonly publishedBytes: number; readonly rowsRead: number }
}

/**
 * Keeps one task's lease while its work goes on, and tells the work when to wait and when to stop. The abort signal
 * fires when another extractor has taken the task, when the run was cancelled, or when Postgres has been out of reach
 * for longer than the lease.
 */
export class LeaseKeeper {
  readonly #db: Database
  readonly #task: LeasedTask
  readonly #options: LeaseKeeperOptions
  readonly #abort = new AbortController()
  #timer: NodeJS.Timeout | null = null
  #renewing: Promise<void> = Promise.resolve()
  #heldUntil: number
  #tooMuchInFlight = false
  #waiters: { resolve: () => void; reject: (error: Error) => void }[] = []

  constructor(db: Database, task: LeasedTask, options: LeaseKeeperOptions, stop: AbortSignal) {
    this.#db = db
    this.#task = task
    this.#options = options
    this.#heldUntil = performance.now() + options.leaseMs
    stop.addEventListener('abort', () => this.#lose('the extractor is stopping', 'stopping'), { once: true })
    this.#schedule()
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** null when reading may go on; else a promise that resolves when it may, and rejects when the lease is lost. */
  gate(): Promise<void> | null {
    if (this.#abort.signal.aborted) return Promise.reject(this.#abort.signal.reason)
    if (!this.#tooMuchInFlight) return null
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  async stop(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    await this.#renewing
    this.#releaseWaiters()
  }

  #schedule(): void {
    // While readers wait for the loader, look more often, so that the pipe does not run dry.
    const delay = this.#tooMuchInFlight ? Math.min(200, this.#options.renewEveryMs) : this.#options.renewEveryMs
    this.#timer = setTimeout(() => {
      this.#renewing = this.#renew().finally(() => {
        if (this.#timer && !this.#abort.signal.aborted) this.#schedule()
      })
    }, delay)
  }

  async #renew(): Promise<void> {
    const { runId, kind, index, attempt } = this.#task
    try {
      const asked = performance.now()
      const lease = await renewLease(this.#db, {
        runId,
        kind,
        index,
        attempt,
        leaseMs: this.#options.leaseMs,
        ...this.#options.progress(),
      })
      if (!lease.held) return this.#lose('another extractor has taken this task', 'lease_taken')
      if (isEnding(lease.runState)) return this.#lose(`the run is ${lease.runState}`, 'run_ended')
      this.#heldUntil = asked + this.#options.leaseMs
      this.#tooMuchInFlight = lease.inFlightBytes > this.#options.inFlightBytesMax
      if (!this.#tooMuchInFlight) this.#releaseWaiters()
    } catch (error) {
      // Postgres may come back before the lease ends; only then is the work another's.
      if (performance.now() > this.#heldUntil) {
        this.#lose(`the lease could not be renewed: ${(error as Error).message}`, 'store_unavailable')
      }
    }
  }

  #releaseWaiters(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve()
  }

  #lose(message: string, code: string): void {
    if (this.#abort.signal.aborted) return
    const reason = new LeaseLost({ code, message, hint: 'The task is taken up again under a new attempt.' })
    this.#abort.abort(reason)
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason)
  }
}

function isEnding(state: RunState): boolean {
  return state === 'cancelling' || state === 'cancelled' || state === 'failed' || state === 'succeeded'
}
