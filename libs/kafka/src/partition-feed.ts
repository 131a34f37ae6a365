import type { InMessage, PartitionControl, PartitionWorker } from './port.ts'

/**
 * What stands between the fetch loop and the worker of one partition: a bounded queue. The fetch loop puts messages in
 * without waiting, so one slow partition neither holds up the others nor the heartbeats; past `bytesMax` the partition
 * is paused until half of it has been accepted.
 */
export class PartitionFeed implements PartitionControl {
  readonly topic: string
  readonly partition: number
  readonly #limits: FeedLimits
  readonly #events: FeedEvents
  #worker: PartitionWorker | null = null
  #queue: InMessage[] = []
  #queuedBytes = 0
  /** Was full, and nobody has been told of room since. */
  #awaitsRoom = false
  #accepting = false
  #closed: Promise<void> | null = null
  #highWatermark = 0n
  /** Offset after the last message that the worker took; null before the first one. */
  #position: bigint | null = null
  #done: bigint | null = null
  #committed: bigint | null = null
  #lastMovement: number

  constructor(topic: string, partition: number, limits: FeedLimits, events: FeedEvents) {
    this.topic = topic
    this.partition = partition
    this.#limits = limits
    this.#events = events
    this.#lastMovement = events.now()
  }

  /** From now on the worker is fed. */
  start(worker: PartitionWorker): void {
    this.#worker = worker
    this.#lastMovement = this.#events.now()
    void this.#feedWorker()
  }

  get isOpen(): boolean {
    return this.#worker !== null && this.#closed === null
  }

  get isFull(): boolean {
    return this.#queuedBytes >= this.#limits.bytesMax
  }

  /** Takes fetched messages over, in order; the caller pauses the partition when the feed `isFull`. */
  push(messages: readonly InMessage[], highWatermark: bigint): void {
    this.#highWatermark = highWatermark
    if (messages.length === 0) return
    // A watchdog counts from the moment there is something to do.
    if (!this.#isBusy()) this.#lastMovement = this.#events.now()
    for (const message of messages) {
      this.#queue.push(message)
      this.#queuedBytes += message.value.length
    }
    if (this.isFull) this.#awaitsRoom = true
    void this.#feedWorker()
  }

  async #feedWorker(): Promise<void> {
    if (this.#accepting) return
    this.#accepting = true
    while (this.isOpen && this.#queue.length > 0) {
      const messages = this.#queue
      const bytes = this.#queuedBytes
      this.#queue = []
      try {
        await this.#worker!.accept(messages)
      } catch (error) {
        if (!this.#closed) this.#events.failed(error)
        return // stays "accepting": a worker that failed is not called again
      }
      if (this.#closed) return
      this.#position = messages.at(-1)!.offset + 1n
      this.#queuedBytes -= bytes
      this.#lastMovement = this.#events.now()
      // Room may come in several steps: the one that ends below half need not be the one that began above full.
      if (this.#awaitsRoom && this.#queuedBytes <= this.#limits.bytesMax / 2) {
        this.#awaitsRoom = false
        this.#events.hasRoom()
      }
    }
    this.#accepting = false
  }

  /** Ends the worker, whatever it is doing; the first call decides. */
  close(): Promise<void> {
    this.#closed ??= (async () => {
      this.#queue = []
      await this.#worker?.close()
    })()
    return this.#closed
  }

  commit(nextOffset: bigint): void {
    if (this.#done !== null && nextOffset <= this.#done) return
    this.#done = nextOffset
    this.#lastMovement = this.#events.now()
  }

  /** What is done and not yet committed; taking it counts as committing it. */
  takeCommit(): bigint | null {
    if (this.#done === this.#committed) return null
    this.#committed = this.#done
    return this.#done
  }

  highWatermark(): bigint {
    return this.#highWatermark
  }

  alive(): void {
    this.#lastMovement = this.#events.now()
  }

  reopen(): void {
    if (!this.#closed) this.#events.reopen()
  }

  /** Ms since anything moved although there is something to do; 0 when there is nothing. */
  stuckMs(): number {
    return this.isOpen && this.#isBusy() ? this.#events.now() - this.#lastMovement : 0
  }

  #isBusy(): boolean {
    return this.#queuedBytes > 0 || (this.#position !== null && (this.#done ?? 0n) < this.#position)
  }
}

export type FeedLimits = {
  /** Queued and in `accept`, bytes. Exceeded by at most one fetch. */
  readonly bytesMax: number
}

export type FeedEvents = {
  /** Monotonic milliseconds. */
  now(): number
  /** The worker rejected. */
  failed(error: unknown): void
  /** The worker wants to be replaced. */
  reopen(): void
  /** A full feed has room again. */
  hasRoom(): void
}
