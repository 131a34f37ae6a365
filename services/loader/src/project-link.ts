import type { TokenBucket } from '@millrace/coordination/token-bucket.ts'
import type { Destination, SendOutcome } from '@millrace/destinations/destination.ts'
import type { DestinationError } from '@millrace/destinations/destination-error.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { DeliveryLink } from './deliver.ts'
import { waitAlive } from './wait.ts'

export type OpenedProject = {
  readonly destination: Destination
  /** Changes whenever the configuration or a secret of it does. */
  readonly version: string
}

export type Attention = { readonly code: string; readonly message: string; readonly hint: string }

export type ProjectLinkParts = {
  readonly projectId: string
  /** Opens the destination as it is configured now; null when it cannot be used, and a person must act. */
  open(): Promise<OpenedProject | Attention>
  /** Version of the present configuration, and whether a person is still being waited for. */
  look(): Promise<{ readonly version: string; readonly attention: boolean }>
  /** Tells people, or with null that it is over. */
  tell(attention: Attention | null): Promise<void>
  bucket(recordsPerSecond: number): TokenBucket
  readonly limits: LinkLimits
  /** Monotonic ms. */
  now(): number
  readonly log: Logger
}

export type LinkLimits = {
  /** A destination that has only failed for this long counts as down, ms. */
  readonly downAfterMs: number
  /** How often a configuration that needs attention is looked at again, ms. */
  readonly recheckMs: number
}

const failuresToBeDown = 3

/**
 * What this process knows of one project's destination, shared by all partitions: the open destination, whether it is
 * down (circuit breaker) or needs a person, and the project's rate.
 */
export class ProjectLink implements DeliveryLink {
  readonly #parts: ProjectLinkParts
  #opened: OpenedProject | null = null
  #opening: Promise<Destination | null> | null = null
  #bucket: TokenBucket | null = null
  #attention: Attention | null = null
  #attentionVersion = ''
  #lookAt = 0
  /** How often a look was asked for, and up to which of them it was done. */
  #looksWanted = 0
  #looksDone = 0
  #looking: Promise<Destination | null> | null = null
  #failures = 0
  #failingSince = 0
  #pausedUntil = 0

  constructor(parts: ProjectLinkParts) {
    this.#parts = parts
  }

  /** Down or waiting for a person: nothing gets through for now. */
  get isDown(): boolean {
    if (this.#attention) return true
    const { now, limits } = this.#parts
    return this.#failures >= failuresToBeDown && now() - this.#failingSince >= limits.downAfterMs
  }

  /** The destination opened last, for its limits; opens it when there is none. Null while it needs attention. */
  async destination(): Promise<Destination | null> {
    if (this.#attention) return this.#lookAgain()
    if (this.#opened) return this.#upToDate(this.#opened)
    this.#opening ??= this.#open().finally(() => {
      this.#opening = null
    })
    return this.#opening
  }

  /** A run begins: what is configured now is what it goes to. */
  lookSoon(): void {
    this.#looksWanted++
  }

  async usable(signal: AbortSignal, alive: () => void): Promise<Destination> {
    for (;;) {
      signal.throwIfAborted()
      const destination = await this.destination()
      if (destination) return destination
      await waitAlive(Math.min(2000, this.#parts.limits.recheckMs), signal, alive)
    }
  }

  async throttle(records: number, signal: AbortSignal, alive: () => void): Promise<void> {
    const { now } = this.#parts
    const rateMs = this.#bucket ? await this.#bucket.take(records) : 0
    if (rateMs > 0) await waitAlive(rateMs, signal, alive)
    while (!signal.aborted && now() < this.#pausedUntil) {
      await waitAlive(Math.max(1, this.#pausedUntil - now()), signal, alive)
    }
  }

  async report(outcome: SendOutcome): Promise<void> {
    const { now } = this.#parts
    if (outcome.kind === 'needs_attention') {
      return this.#needAttention({
        code: `destination_refused_${outcome.status}`,
        message: `The destination refused access with ${outcome.status}: ${outcome.message}`,
        hint: 'Check the project id, token and service account of the destination, and save them again.',
      })
    }
    if (outcome.kind !== 'retry') {
      this.#failures = 0
      return
    }
    // What the destination asks of one request it asks of all.
    if (outcome.afterMs !== undefined) this.#pausedUntil = Math.max(this.#pausedUntil, now() + outcome.afterMs)
    // A destination that asks for patience is up.
    if (outcome.reason === 'http_429') return
    if (this.#failures === 0) this.#failingSince = now()
    this.#failures++
  }

  async refusesEverything(message: string): Promise<void> {
    await this.#needAttention({
      code: 'destination_refuses_everything',
      message: `The destination refuses record after record and gives no reason for any: ${message}`,
      hint: 'See whether a proxy or a wrong address answers in its place. Then save the destination again; nothing was rejected.',
    })
  }

  async cannotSend({ code, message, hint }: DestinationError): Promise<void> {
    await this.#needAttention({ code, message, hint })
  }

  async giveUp(reason: string): Promise<void> {
    await this.#needAttention({
      code: 'destination_unreachable',
      message: `The destination has given no usable answer for a long time (${reason}).`,
      hint: 'Check that the destination works, then save its configuration again.',
    })
  }

  async close(): Promise<void> {
    await this.#opened?.destination.close()
    this.#opened = null
  }

  /** The destination; its configuration is looked at every `recheckMs`, and after every `lookSoon` that came before. */
  async #upToDate(opened: OpenedProject): Promise<Destination | null> {
    const wanted = this.#looksWanted
    if (this.#looksDone >= wanted && this.#parts.now() < this.#lookAt) return opened.destination
    let destination: Destination | null
    do {
      this.#looking ??= this.#refreshed(this.#opened ?? opened).finally(() => {
        this.#looking = null
      })
      destination = await this.#looking
    } while (this.#looksDone < wanted && destination !== null)
    return destination
  }

  /** The destination, opened again when its configuration or a secret was changed. */
  async #refreshed(opened: OpenedProject): Promise<Destination | null> {
    const { now, look, limits, log, projectId } = this.#parts
    this.#lookAt = now() + limits.recheckMs
    const wanted = this.#looksWanted
    try {
      const { version } = await look()
      this.#looksDone = wanted
      if (version === opened.version) return opened.destination
      log.info({ project: projectId }, 'the destination was changed')
      return await this.#open()
    } catch (err) {
      // What is open serves as long as the store is away.
      this.#looksDone = wanted
      log.debug({ err, project: projectId }, 'looking at the configuration of the destination failed')
      return opened.destination
    }
  }

  async #open(): Promise<Destination | null> {
    const opened = await this.#parts.open()
    if ('code' in opened) {
      await this.#needAttention(opened)
      return null
    }
    const before = this.#opened
    this.#opened = opened
    this.#lookAt = this.#parts.now() + this.#parts.limits.recheckMs
    const { recordsPerSecond } = opened.destination.limits
    this.#bucket = recordsPerSecond === null ? null : this.#parts.bucket(recordsPerSecond)
    // Requests under way end by themselves; nobody waits for them here.
    void before?.destination.close().catch(() => undefined)
    return opened.destination
  }

  async #needAttention(attention: Attention): Promise<void> {
    if (this.#attention) return
    const { log, projectId, tell, look, now, limits } = this.#parts
    this.#attention = attention
    this.#attentionVersion = this.#opened?.version ?? ''
    this.#lookAt = now() + limits.recheckMs
    // The destination's words may hold values of the rows that it refused: people read them in the project.
    log.warn({ project: projectId, code: attention.code }, 'the destination needs attention')
    await tell(attention)
    if (this.#attentionVersion === '') this.#attentionVersion = (await look()).version
  }

  /** Has someone mended it? Looked at every `recheckMs`. */
  async #lookAgain(): Promise<Destination | null> {
    const { now, look, tell, limits, log, projectId } = this.#parts
    if (now() < this.#lookAt) return null
    this.#lookAt = now() + limits.recheckMs
    const { version, attention } = await look()
    if (version === this.#attentionVersion && attention) return null
    log.info({ project: projectId }, 'the destination is tried again')
    this.#attention = null
    this.#failures = 0
    await tell(null)
    return this.#open()
  }
}
