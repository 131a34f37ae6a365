import type { Destination, PreparedRequest, SendOutcome } from '@millrace/destinations/destination.ts'
import { DestinationError } from '@millrace/destinations/destination-error.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { LoadBatch } from './load-batch.ts'
import { type RetryPolicy, retryWaitMs } from './retry-policy.ts'

/** What delivering needs of a project; see ProjectLink. */
export type DeliveryLink = {
  /** Resolves when the project may be sent to; rejects when the signal is aborted. */
  usable(signal: AbortSignal, alive: () => void): Promise<Destination>
  /** Waits for the project's share of its rate and for what the destination asked for. */
  throttle(records: number, signal: AbortSignal, alive: () => void): Promise<void>
  /** What the destination said, for the circuit breaker and the project's state. */
  report(outcome: SendOutcome): Promise<void>
  /** One record after the other is refused without a reason: it is not the records, and a person must look. */
  refusesEverything(message: string): Promise<void>
  /** The destination is none for what is to be sent: a person must look. */
  cannotSend(error: DestinationError): Promise<void>
  /** The time for repeating is over: a person must look. */
  giveUp(reason: string): Promise<void>
}

export type DeliveryParts = {
  readonly policy: RetryPolicy
  /** Monotonic ms. */
  now(): number
  random(): number
  /** Waits; ends early when the signal is aborted. */
  wait(ms: number, signal: AbortSignal, alive: () => void): Promise<void>
  alive(): void
  /** Counts a repetition by its reason. */
  retried(reason: string): void
  /** Compressed bytes of a request that was answered, and how long it took. */
  sent(bytes: number, records: number): void
}

/**
 * When so many records of a batch are refused one by one without a reason, and not one request was taken, then the
 * fault is not the records': a proxy or something else answers for the destination.
 */
export const unexplainedMax = 50

/**
 * Sends a batch until every record of it has a definite answer: stored, or refused and noted as a reject. Follows the
 * retry table of the reliability rules (3.5): waits and repeats what is temporary or unknown, halves what is too large,
 * bisects what is refused without detail, unless that would reject everything: then the project needs attention and no
 * record is given up. False when the signal ended it before.
 *
 * Delivery: at least once; a request whose answer was lost is sent again with the same bytes. Proved by
 * test/deliver.test.ts and test/faults.test.ts.
 */
export async function deliver(
  batch: LoadBatch,
  link: DeliveryLink,
  parts: DeliveryParts,
  signal: AbortSignal,
): Promise<boolean> {
  // A stack of ranges, so that a split is worked off in order.
  let ranges: [from: number, to: number][] = [[0, batch.length]]
  let unexplained: { readonly at: number; readonly message: string }[] = []
  let anyTaken = false
  while (ranges.length > 0) {
    const [from, to] = ranges.pop()!
    const outcome = await deliverRange(batch, from, to, link, parts, signal)
    if (outcome === null) return false
    if (outcome.kind === 'accepted') {
      // What was refused before anything was taken gets a second chance: it may not have been the records' fault.
      if (!anyTaken) for (const { at } of unexplained.splice(0).reverse()) ranges.push([at, at + 1])
      anyTaken = true
      for (const { index, field, message } of outcome.refused) batch.refuse(from + index, field, message)
    } else if (to - from === 1) {
      const message = outcome.kind === 'too_large' ? 'The destination calls the record too large.' : outcome.message
      unexplained.push({ at: from, message })
      if (anyTaken || unexplained.length < unexplainedMax) continue
      await link.refusesEverything(message)
      ranges = [[0, batch.length]]
      unexplained = []
    } else {
      const middle = (from + to) >>> 1
      ranges.push([middle, to], [from, middle])
    }
  }
  for (const { at, message } of unexplained) batch.refuse(at, '', message)
  return true
}

/** Nothing more is to be found out by sending the same again. */
export type Definite = Extract<SendOutcome, { kind: 'accepted' | 'too_large' | 'bad_batch' }>

/** The definite answer about one range; null when the signal ended it. */
async function deliverRange(
  batch: LoadBatch,
  from: number,
  to: number,
  link: DeliveryLink,
  parts: DeliveryParts,
  signal: AbortSignal,
): Promise<Definite | null> {
  let made = null as { readonly by: Destination; readonly request: PreparedRequest } | null
  const retries = new Retries(link, parts, signal)
  while (!signal.aborted) {
    let destination: Destination
    try {
      destination = await link.usable(signal, parts.alive)
    } catch (error) {
      if (signal.aborted) return null
      throw error
    }
    // Another destination than before: its token may be another as well.
    if (made?.by !== destination) {
      try {
        made = { by: destination, request: await destination.prepare(batch.tableType, batch.records, from, to) }
      } catch (error) {
        if (!(error instanceof DestinationError)) throw error
        await link.cannotSend(error)
        continue
      }
    }
    await link.throttle(to - from, signal, parts.alive)
    if (signal.aborted) return null
    await failpoint('loader.beforeRequest')
    batch.countSent(from, to)
    const answer = destination.send(made.request, signal)
    await failpoint('loader.afterRequest')
    const outcome = await answer
    parts.alive()
    if (signal.aborted && outcome.kind === 'retry') return null
    await link.report(outcome)
    if (outcome.kind === 'retry') await retries.after(outcome)
    else if (outcome.kind !== 'needs_attention') {
      parts.sent(made.request.body.length, to - from)
      await failpoint('loader.afterAck')
      return outcome
    } else retries.reset()
  }
  return null
}

/** The waits between the attempts at one request. */
export class Retries {
  readonly #link: DeliveryLink
  readonly #parts: DeliveryParts
  readonly #signal: AbortSignal
  #failures = 0
  #since = 0

  constructor(link: DeliveryLink, parts: DeliveryParts, signal: AbortSignal) {
    this.#link = link
    this.#parts = parts
    this.#signal = signal
  }

  /** Waits as the policy says after a failure; hands the project to a person once the budget is used up. */
  async after({ reason, afterMs }: Extract<SendOutcome, { kind: 'retry' }>): Promise<void> {
    const { policy, now, random, wait, alive, retried } = this.#parts
    if (this.#failures === 0) this.#since = now()
    this.#failures++
    retried(reason)
    const elapsedMs = now() - this.#since
    const ms = retryWaitMs(policy, { failures: this.#failures, elapsedMs, afterMs, random: random() })
    if (ms !== null) return wait(ms, this.#signal, alive)
    await this.#link.giveUp(reason)
    this.reset()
  }

  reset(): void {
    this.#failures = 0
  }
}
