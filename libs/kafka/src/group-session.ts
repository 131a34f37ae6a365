import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type * as Kafkajs from 'kafkajs'
import type { PartitionFeed } from './partition-feed.ts'
import type { InMessage } from './port.ts'

export type SessionLimits = {
  readonly sessionTimeoutMs: number
  readonly heartbeatMs: number
  readonly fetchBytesMax: number
  readonly partitionFetchBytesMax: number
}

export type Assignment = readonly { readonly topic: string; readonly partition: number }[]

export type SessionEvents = {
  /** The group settles: what was assigned may go on until `assigned`, but should end. Called before the member rejoins. */
  rebalancing(): void
  /** Assigned from now on; nothing is fetched of a partition before `begin` is called for it. */
  assigned(assignment: Assignment): void
  feedOf(topic: string, partition: number): PartitionFeed | undefined
}

/**
 * One membership in the group: from joining until it ends by an error or by `close`. kafkajs would restart itself after
 * some errors and forget to after others (https://github.com/tulios/kafkajs/issues/1122), so its restart is switched off
 * and a membership that ended is followed by a new one with a fresh client.
 *
 * Where kafkajs is treated with care:
 * - its fetch loop waits for all partitions of a fetch before the next fetch and heartbeats in between, so the handler
 *   never waits: it only queues;
 * - it gives no time between assignment and first fetch, so partitions are paused in the very event that assigns them;
 * - a fetch that was under way during a seek or a rebalance may still deliver, so a batch that was asked for at another
 *   offset than the one expected is dropped.
 */
export class GroupSession {
  readonly #consumer: Kafkajs.Consumer
  readonly #topics: readonly string[]
  readonly #events: SessionEvents
  readonly #logger: Logger
  readonly #ended = Promise.withResolvers<Error | null>()
  /** Where the next fetch of a partition must have begun; a second batch from elsewhere in a row is believed. */
  readonly #expected = new Map<string, { offset: bigint; doubted: string | null }>()
  #joined = false
  #lastSign = performance.now()

  constructor(
    kafka: Kafkajs.Kafka,
    groupId: string,
    topics: readonly string[],
    limits: SessionLimits,
    events: SessionEvents,
    logger: Logger,
  ) {
    this.#topics = topics
    this.#events = events
    this.#logger = logger
    this.#consumer = kafka.consumer({
      groupId,
      sessionTimeout: limits.sessionTimeoutMs,
      heartbeatInterval: limits.heartbeatMs,
      // Members rejoin within a heartbeat; a dead one must not hold up the others for the default minute.
      rebalanceTimeout: Math.max(limits.sessionTimeoutMs, 15_000),
      maxBytes: limits.fetchBytesMax,
      maxBytesPerPartition: limits.partitionFetchBytesMax,
      minBytes: 1,
      maxWaitTimeInMs: 250,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 1500, retries: 8, restartOnFailure: async () => false },
    })
    this.#listen()
  }

  /** Joins and stays; resolves with the error that ended the membership, or null after `close`. */
  async run(): Promise<Error | null> {
    try {
      await this.#consumer.connect()
      await this.#consumer.subscribe({ topics: [...this.#topics], fromBeginning: true })
      await this.#consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 1,
        eachBatch: async (payload) => this.#queue(payload),
      })
    } catch (error) {
      this.#ended.resolve(error as Error)
    }
    return this.#ended.promise
  }

  get isMember(): boolean {
    return this.#joined
  }

  /** Ms without any sign of life of the client's fetch loop; null while it is not a member. */
  get silentMs(): number | null {
    return this.#joined ? performance.now() - this.#lastSign : null
  }

  /** Starts fetching an assigned partition, at an offset, or where the group had committed. */
  begin(topic: string, partition: number, startOffset: bigint | null): void {
    if (startOffset !== null) {
      this.#expected.set(`${topic}/${partition}`, { offset: startOffset, doubted: null })
      this.#consumer.seek({ topic, partition, offset: startOffset.toString() })
    }
    this.resume(topic, partition)
  }

  pause(topic: string, partition: number): void {
    this.#consumer.pause([{ topic, partitions: [partition] }])
  }

  resume(topic: string, partition: number): void {
    this.#consumer.resume([{ topic, partitions: [partition] }])
  }

  /** Best effort: an offset that is not committed is done again by whoever comes next. */
  async commit(offsets: readonly Kafkajs.TopicPartitionOffset[]): Promise<void> {
    if (offsets.length === 0 || !this.#joined) return
    try {
      await this.#consumer.commitOffsets([...offsets])
    } catch (err) {
      this.#logger.debug({ err }, 'committing offsets failed')
    }
  }

  /** Leaves the group and disconnects, in bounded time. */
  async close(): Promise<void> {
    this.#joined = false
    const left = this.#consumer.disconnect().catch((err: unknown) => {
      this.#logger.debug({ err }, 'leaving the group failed')
    })
    await Promise.race([left, sleep(5000, undefined, { ref: false })])
    this.#ended.resolve(null)
  }

  #listen(): void {
    const { events } = this.#consumer
    const on = this.#consumer.on.bind(this.#consumer)
    const sign = () => {
      this.#lastSign = performance.now()
    }
    on(events.FETCH, sign)
    on(events.HEARTBEAT, sign)
    on(events.REQUEST, sign)
    on(events.REQUEST_TIMEOUT, sign)
    on(events.REBALANCING, () => {
      sign()
      this.#events.rebalancing()
    })
    on(events.GROUP_JOIN, ({ payload }) => {
      sign()
      this.#joined = true
      this.#expected.clear()
      const topics = Object.entries(payload.memberAssignment)
      this.#consumer.pause(topics.map(([topic, partitions]) => ({ topic, partitions })))
      this.#events.assigned(
        topics.flatMap(([topic, partitions]) => partitions.map((partition) => ({ topic, partition }))),
      )
    })
    on(events.CRASH, ({ payload }) => {
      this.#joined = false
      this.#ended.resolve(payload.error)
    })
  }

  /** Synchronous from the check to the resolved offset: nothing can come in between. */
  #queue({ batch, resolveOffset, isRunning, isStale, pause }: Kafkajs.EachBatchPayload): void {
    const feed = this.#events.feedOf(batch.topic, batch.partition)
    if (!isRunning() || isStale() || !feed?.isOpen || !this.#isExpected(batch)) return
    const messages = batch.messages.map(toInMessage)
    feed.push(messages, BigInt(batch.highWatermark))
    resolveOffset(batch.lastOffset())
    this.#expected.set(`${batch.topic}/${batch.partition}`, { offset: BigInt(batch.lastOffset()) + 1n, doubted: null })
    if (feed.isFull) pause()
  }

  #isExpected(batch: Kafkajs.Batch): boolean {
    const key = `${batch.topic}/${batch.partition}`
    const expected = this.#expected.get(key)
    // Not in the library's types, but on every batch: the offset that was asked for.
    const { fetchedOffset } = batch as Kafkajs.Batch & { fetchedOffset: string }
    if (!expected || BigInt(fetchedOffset) === expected.offset) return true
    if (expected.doubted === fetchedOffset) {
      // Not a late answer: the position was out of range and the client fell back to what is still there.
      this.#logger.error(
        { topic: batch.topic, partition: batch.partition, expected: expected.offset, found: fetchedOffset },
        'records were deleted before they were read',
      )
      return true
    }
    expected.doubted = fetchedOffset
    return false
  }
}

function toInMessage({ offset, value, timestamp }: Kafkajs.KafkaMessage): InMessage {
  return { offset: BigInt(offset), value: value ?? Buffer.alloc(0), timestampMs: Number(timestamp) }
}
