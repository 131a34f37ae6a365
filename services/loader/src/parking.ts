import type { Lane } from '@millrace/domain/words.ts'
import type { Producer } from '@millrace/kafka/port.ts'
import { parkedTopic } from '@millrace/kafka/topic-names.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import { Entry } from './entry.ts'
import type { Ledger } from './ledger.ts'

export type ParkingParts = {
  readonly lane: Lane
  readonly partition: number
  readonly producer: Producer
  readonly ledger: Ledger
  /** Makes the parked topic if it is missing, and starts reading it. Safe to repeat. */
  startDraining(projectId: string): Promise<void>
  /** This partition no longer needs what `startDraining` started. */
  stopDraining(projectId: string): void
  /** Messages in this partition of the parked topic that are not recorded as done. */
  waiting(projectId: string): Promise<bigint>
  /** Notes the change durably, before anything is done about it. */
  record(projectId: string, state: 'parked' | 'open'): Promise<void>
  /** Gives up what is being sent of the project. */
  giveUp(projectId: string): void
  isDown(projectId: string): boolean
  now(): number
  failed(error: Error): void
  readonly log: Logger
}

type Parked = {
  readonly began: Promise<void>
  forwarding: number
  checking: boolean
  handOff: Promise<void> | null
  lookAt: number
}

/** Where a lane parks a project's messages. Lanes have topics of their own, since their order is of their own. */
export function parkedTopicOf(projectId: string, lane: Lane): string {
  return parkedTopic(`${projectId}-${lane}`)
}

const checkMs = 500
/** Few enough to wait for: then new messages are held back for a moment, so that the drain can catch up for good. */
const handOffMessages = 50n
const handOffMs = 5000

/**
 * Keeps a project whose destination is down from holding up its partition. Its messages go on to the parked topic as
 * they are, markers included, uncounted; whoever drains that topic counts them. So order per row and the counters stay
 * as they were, and the partition's offset moves on.
 *
 * From `parked` to direct again only when the parked partition is drained to its end while nothing is being forwarded:
 * no message overtakes one before it. `parked` is recorded before the first message is forwarded and `open` after the
 * last one was drained; a crash in between forwards again, or finds nothing to drain, and the store counts no batch twice.
 * Proved by test/parking.test.ts.
 */
export class Parking {
  readonly #parts: ParkingParts
  readonly #parked = new Map<string, Parked>()

  constructor(parts: ParkingParts, parkedBefore: readonly string[]) {
    this.#parts = parts
    for (const projectId of parkedBefore) this.#start(projectId, parts.startDraining(projectId))
  }

  isParked(projectId: string): boolean {
    return this.#parked.has(projectId)
  }

  /** Parks a project: everything of it that is not recorded as done goes to the parked topic, then what comes. */
  park(projectId: string): void {
    if (this.#parked.has(projectId)) return
    this.#parts.log.warn({ project: projectId }, 'parking a project whose destination is down')
    this.#start(projectId, this.#begin(projectId))
  }

  /** Takes a message of a parked project. Resolves null when the project came back meanwhile. */
  async take(projectId: string, offset: bigint, value: Buffer): Promise<Entry | null> {
    const parked = this.#parked.get(projectId)
    if (!parked) return null
    await parked.began
    await parked.handOff
    if (!this.#parked.has(projectId)) return null
    const entry = new Entry(offset, value, projectId)
    entry.park()
    this.#parts.ledger.add(entry)
    this.#forward(projectId, parked, [entry])
    return entry
  }

  /** Looks whether projects can flow again; call it now and then. */
  look(): void {
    for (const [projectId, parked] of this.#parked) {
      if (parked.checking || this.#parts.now() < parked.lookAt) continue
      parked.checking = true
      void this.#check(projectId, parked)
        .catch((err: unknown) =>
          this.#parts.log.warn({ err, project: projectId }, 'looking at a parked project failed'),
        )
        .finally(() => {
          parked.checking = false
          parked.lookAt = this.#parts.now() + checkMs
        })
    }
  }

  close(): void {
    for (const projectId of this.#parked.keys()) this.#parts.stopDraining(projectId)
  }

  #start(projectId: string, begin: Promise<void>): void {
    const began = begin.catch((error: Error) => this.#parts.failed(error))
    this.#parked.set(projectId, { began, forwarding: 0, checking: false, handOff: null, lookAt: 0 })
  }

  async #begin(projectId: string): Promise<void> {
    const { record, ledger, giveUp, startDraining } = this.#parts
    await record(projectId, 'parked')
    // From here to the calls of `send` nothing is awaited: no message of the project can come in between.
    const entries = ledger.ofProject(projectId)
    for (const entry of entries) entry.park()
    giveUp(projectId)
    await startDraining(projectId)
    this.#forward(projectId, this.#parked.get(projectId)!, entries)
  }

  #forward(projectId: string, parked: Parked, entries: readonly Entry[]): void {
    if (entries.length === 0) return
    const { lane, partition, producer, failed } = this.#parts
    parked.forwarding++
    const messages = entries.map(({ value }) => ({ partition, value }))
    producer.send(parkedTopicOf(projectId, lane), messages).then(
      () => {
        parked.forwarding--
        for (const entry of entries) entry.handOver()
      },
      (error: Error) => failed(error),
    )
  }

  async #check(projectId: string, parked: Parked): Promise<void> {
    const { waiting, isDown, now, record, stopDraining, log } = this.#parts
    await parked.began
    if (isDown(projectId) || (await waiting(projectId)) > handOffMessages) return
    const { promise, resolve } = Promise.withResolvers<void>()
    parked.handOff = promise
    try {
      const deadline = now() + handOffMs
      while (parked.forwarding > 0 || (await waiting(projectId)) > 0n) {
        if (isDown(projectId) || now() > deadline) return
        await new Promise((next) => setTimeout(next, 100))
      }
      await record(projectId, 'open')
      this.#parked.delete(projectId)
      stopDraining(projectId)
      log.info({ project: projectId }, 'a parked project flows again')
    } finally {
      parked.handOff = null
      resolve()
    }
  }
}
