import { MillraceError } from '@millrace/domain/errors.ts'
import type { ReadGate } from './read-gate.ts'

export type LeaseLostCode = 'stopping' | 'lease_taken' | 'run_ended' | 'store_unavailable'

/** The task is no longer ours to work on; `code` says why. */
export class LeaseLost extends MillraceError {
  constructor(code: LeaseLostCode, message: string) {
    super(code, message, 'The task is taken up again under a new attempt.')
  }
}

/** What the store answers to a renewal. */
export type Renewal = {
  readonly held: boolean
  readonly runState: string | null
  /** Bytes of the run that are published and not yet loaded. */
  readonly inFlightBytes: number
}

export type LeaseKeeperOptions = {
  readonly leaseMs: number
  readonly renewEveryMs: number
  /** A run may have this many bytes published and not yet loaded before its readers wait. */
  readonly inFlightBytesMax: number
  /** The work comes after the run's end: it goes on although the run is over. */
  readonly afterEnd?: boolean
}

const endedStates: ReadonlySet<string> = new Set(['cancelling', 'cancelled', 'failed', 'succeeded'])
/** While readers wait for the loader they look more often, so that the pipe does not run dry. */
const waitingRenewMs = 200

/**
 * Keeps one task's lease while its work goes on, and tells the work when to wait (the gate) and when to stop (the
 * signal): another extractor has taken the task, the run has ended, Postgres has been out of reach for longer than the
 * lease, or this process is stopping. The signal's reason is then a `LeaseLost`.
 */
export class LeaseKeeper implements ReadGate {
  readonly #renew: () => Promise<Renewal>
  readonly #options: LeaseKeeperOptions
  readonly #abort = new AbortController()
  readonly #stop: AbortSignal
  readonly #onStop = () => this.#lose('stopping', 'the extractor is stopping')
  #timer: NodeJS.Timeout | null = null
  #renewing: Promise<void> = Promise.resolve()
  #heldUntil: number
  #tooMuchInFlight = false
  #ended = false
  #waiters: { resolve: () => void; reject: (error: Error) => void }[] = []

  /** `renew` renews the lease in the store, once; the lease has been taken when this is called. */
  constructor(renew: () => Promise<Renewal>, options: LeaseKeeperOptions, stop: AbortSignal) {
    this.#renew = renew
    this.#options = options
    this.#stop = stop
    this.#heldUntil = performance.now() + options.leaseMs
    if (stop.aborted) this.#onStop()
    else stop.addEventListener('abort', this.#onStop, { once: true })
    this.#schedule()
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** True while reading should wait; also once the lease is lost, so that a reader comes to hear of it. */
  get closed(): boolean {
    return this.#tooMuchInFlight || this.#abort.signal.aborted
  }

  opened(): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.reject(this.#abort.signal.reason)
    if (!this.#tooMuchInFlight) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  /**
   * Asks the store at once and resolves when reading may begin. Without it a chunk that is read faster than the first
   * renewal comes would never hear of the limit.
   */
  async admitted(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer)
    this.#renewNow()
    await this.#renewing
    await this.opened()
  }

  /** Ends the keeping; the lease itself stays as it is. Waits for a renewal under way. */
  async stop(): Promise<void> {
    this.#ended = true
    this.#stop.removeEventListener('abort', this.#onStop)
    if (this.#timer) clearTimeout(this.#timer)
    await this.#renewing
    for (const waiter of this.#waiters.splice(0)) waiter.resolve()
  }

  #schedule(): void {
    if (this.#ended || this.#abort.signal.aborted) return
    const { renewEveryMs } = this.#options
    this.#timer = setTimeout(
      () => this.#renewNow(),
      this.#tooMuchInFlight ? Math.min(waitingRenewMs, renewEveryMs) : renewEveryMs,
    )
  }

  #renewNow(): void {
    this.#renewing = this.#renewOnce().finally(() => this.#schedule())
  }

  async #renewOnce(): Promise<void> {
    const asked = performance.now()
    try {
      const { held, runState, inFlightBytes } = await this.#renew()
      if (!held) return this.#lose('lease_taken', 'another extractor has taken this task')
      if (runState === null || (endedStates.has(runState) && !this.#options.afterEnd))
        return this.#lose('run_ended', `the run is ${runState ?? 'gone'}`)
      this.#heldUntil = asked + this.#options.leaseMs
      this.#tooMuchInFlight = inFlightBytes > this.#options.inFlightBytesMax
      if (!this.#tooMuchInFlight) for (const waiter of this.#waiters.splice(0)) waiter.resolve()
    } catch (error) {
      // Postgres may come back before the lease ends; only then is the work another's.
      if (performance.now() > this.#heldUntil) {
        this.#lose('store_unavailable', `the lease could not be renewed: ${(error as Error).message}`)
      }
    }
  }

  #lose(code: LeaseLostCode, message: string): void {
    if (this.#ended || this.#abort.signal.aborted) return
    const reason = new LeaseLost(code, message)
    this.#abort.abort(reason)
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason)
  }
}
