import { setTimeout as sleep } from 'node:timers/promises'
import type * as Kafkajs from 'kafkajs'
import { type Assignment, GroupSession } from './group-session.ts'
import { isRefusal, KafkaError } from './kafka-error.ts'
import { type ConnectionOptions, openKafka } from './kafkajs.ts'
import { PartitionFeed } from './partition-feed.ts'
import type { Consumer, ConsumerOptions } from './port.ts'

export type KafkajsConsumerOptions = ConsumerOptions &
  ConnectionOptions & {
    /** A member not heard of for this long is put out of the group, ms. */
    readonly sessionTimeoutMs?: number
    /** How long a partition with work may show no movement, ms; see ConsumerOptions.onFatal. */
    readonly watchdogMs?: number
    /** Of one fetch, compressed, bytes. */
    readonly fetchBytesMax?: number
    /** Queued before the workers, all partitions together, bytes; each partition has its share. */
    readonly queueBytesMax?: number
  }

const commitMs = 1000
const reopenMs = 300
const restartMs = { first: 200, max: 5000 }
const defaults = {
  sessionTimeoutMs: 10_000,
  watchdogMs: 60_000,
  // As they lie on disk; decompressed they are four times that, or more.
  fetchBytesMax: 2 * 1024 * 1024,
  queueBytesMax: 32 * 1024 * 1024,
}

type Opening = {
  readonly topic: string
  readonly partition: number
  readonly session: GroupSession
  /** Of its queue. */
  readonly bytesMax: number
  /** Is the assignment still the one that it was opened for? */
  isCurrent(): boolean
}

/**
 * A member of a consumer group that feeds one worker per assigned partition and keeps its place in the group whatever
 * the workers do.
 *
 * Delivery: at least once, in offset order per partition. After a crash or rebalance a partition starts again at the
 * worker's `startOffset`, else at the committed offset. Proved by test/conformance.ts.
 */
export class KafkajsConsumer implements Consumer {
  readonly #options: KafkajsConsumerOptions & typeof defaults
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  readonly #timers: NodeJS.Timeout[]
  #session: GroupSession | null = null
  #feeds = new Map<string, PartitionFeed>()
  /** Counts assignments: whoever opens partitions of an older one gives up. */
  #generation = 0
  #closingFeeds: Promise<void> = Promise.resolve()
  #fatal = false

  constructor(options: KafkajsConsumerOptions) {
    this.#options = { ...defaults, ...options }
    this.#timers = [
      setInterval(() => void this.#session?.commit(this.#takeCommits()), commitMs),
      setInterval(() => this.#watch(), Math.max(50, this.#options.watchdogMs / 8)),
    ]
    this.#running = this.#run()
  }

  isMember(): boolean {
    return this.#session?.isMember ?? false
  }

  assignment(): readonly string[] {
    return Array.from(this.#feeds.values(), (feed) => `${feed.topic}/${feed.partition}`).sort()
  }

  async close(): Promise<void> {
    this.#stopping.abort()
    for (const timer of this.#timers) clearInterval(timer)
    await this.#closeFeeds()
    await this.#session?.commit(this.#takeCommits(this.#closedFeeds))
    await this.#session?.close()
    await this.#running
  }

  /** Memberships, one after the other, until closed or refused. */
  async #run(): Promise<void> {
    for (let failures = 0; !this.#stopping.signal.aborted; failures++) {
      const started = performance.now()
      const session = this.#openSession()
      this.#session = session
      const error = await session.run()
      if (this.#stopping.signal.aborted) return
      if (isRefusal(error)) {
        return this.#fail(new KafkaError('not_allowed', String(error?.message), { cause: error }))
      }
      this.#options.logger.warn({ err: error, failures }, 'the consumer lost its connection to the group, joining anew')
      await this.#closeFeeds()
      await session.close()
      if (performance.now() - started > 60_000) failures = 0
      const delay = Math.min(restartMs.max, restartMs.first * 2 ** failures)
      await sleep(delay, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
    }
  }

  #openSession(): GroupSession {
    const { groupId, topics, sessionTimeoutMs, fetchBytesMax, logger } = this.#options
    const limits = {
      sessionTimeoutMs,
      heartbeatMs: Math.min(3000, sessionTimeoutMs / 4),
      fetchBytesMax,
      partitionFetchBytesMax: Math.min(512 * 1024, fetchBytesMax),
    }
    const session: GroupSession = new GroupSession(
      openKafka(this.#options),
      groupId,
      topics,
      limits,
      {
        rebalancing: () => {
          // Still a member of the old generation: what is done now is taken over exactly by whoever comes next.
          void session.commit(this.#takeCommits())
          void this.#closeFeeds()
        },
        assigned: (assignment) => void this.#open(session, assignment),
        feedOf: (topic, partition) => this.#feeds.get(`${topic}/${partition}`),
      },
      logger,
    )
    return session
  }

  async #open(session: GroupSession, assignment: Assignment): Promise<void> {
    const closing = this.#closeFeeds()
    const generation = this.#generation
    await closing
    const isCurrent = () =>
      generation === this.#generation && session === this.#session && !this.#stopping.signal.aborted
    if (!isCurrent()) return
    this.#options.logger.info({ assignment: assignment.map((at) => `${at.topic}/${at.partition}`) }, 'assigned')
    const bytesMax = Math.floor(this.#options.queueBytesMax / Math.max(1, assignment.length))
    await Promise.all(assignment.map((place) => this.#openPartition({ ...place, session, bytesMax, isCurrent })))
  }

  async #openPartition(opening: Opening): Promise<void> {
    const { topic, partition, session, bytesMax, isCurrent } = opening
    const feed: PartitionFeed = new PartitionFeed(
      topic,
      partition,
      { bytesMax },
      {
        now: () => performance.now(),
        failed: (cause) => this.#workerFailed(topic, partition, cause),
        hasRoom: () => {
          if (isCurrent()) session.resume(topic, partition)
        },
        reopen: () => void this.#reopen(opening, feed),
      },
    )
    this.#feeds.set(`${topic}/${partition}`, feed)
    try {
      const opened = await this.#options.openPartition(topic, partition, feed)
      if (!isCurrent()) return await opened.worker.close()
      feed.start(opened.worker)
      session.begin(topic, partition, opened.startOffset)
    } catch (cause) {
      this.#workerFailed(topic, partition, cause)
    }
  }

  /** Replaces the worker of a partition that stays assigned; the moment lets the other one who moved it finish. */
  async #reopen(opening: Opening, feed: PartitionFeed): Promise<void> {
    const { topic, partition, session, isCurrent } = opening
    const isMine = () => isCurrent() && this.#feeds.get(`${topic}/${partition}`) === feed
    if (!isMine()) return
    this.#options.logger.warn({ topic, partition }, 'opening a partition again')
    session.pause(topic, partition)
    await this.#closeFeed(feed)
    await sleep(reopenMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
    if (isMine()) await this.#openPartition(opening)
  }

  #closedFeeds: readonly PartitionFeed[] = []

  /** Ends all workers; a second call waits for the first one as well. */
  #closeFeeds(): Promise<void> {
    this.#generation++
    const feeds = [...this.#feeds.values()]
    this.#feeds = new Map()
    if (feeds.length > 0) this.#closedFeeds = feeds
    const before = this.#closingFeeds
    this.#closingFeeds = (async () => {
      await Promise.all([before, ...feeds.map((feed) => this.#closeFeed(feed))])
    })()
    return this.#closingFeeds
  }

  async #closeFeed(feed: PartitionFeed): Promise<void> {
    try {
      await feed.close()
    } catch (err) {
      const { topic, partition } = feed
      this.#options.logger.warn({ err, topic, partition }, 'closing the worker of a partition failed')
    }
  }

  #takeCommits(feeds: Iterable<PartitionFeed> = this.#feeds.values()): Kafkajs.TopicPartitionOffset[] {
    const commits: Kafkajs.TopicPartitionOffset[] = []
    for (const feed of feeds) {
      const offset = feed.takeCommit()
      if (offset !== null) commits.push({ topic: feed.topic, partition: feed.partition, offset: offset.toString() })
    }
    return commits
  }

  #watch(): void {
    const { watchdogMs, sessionTimeoutMs } = this.#options
    for (const feed of this.#feeds.values()) {
      if (feed.stuckMs() > watchdogMs) {
        const where = `${feed.topic}/${feed.partition}`
        const message = `Nothing moved in ${where} for ${watchdogMs} ms although records wait.`
        this.#fail(new KafkaError('stuck', message))
        return
      }
    }
    // A join may take as long as a rebalance; after that the client itself must show life.
    const silentMs = this.#session?.silentMs ?? 0
    if (silentMs > watchdogMs + 2 * sessionTimeoutMs) {
      this.#fail(new KafkaError('stuck', `The Kafka client has shown no sign of life for ${Math.round(silentMs)} ms.`))
    }
  }

  #workerFailed(topic: string, partition: number, cause: unknown): void {
    const reason = cause instanceof Error ? cause.message : String(cause)
    this.#fail(new KafkaError('worker_failed', `The worker of ${topic}/${partition} failed: ${reason}`, { cause }))
  }

  #fail(error: KafkaError): void {
    if (this.#fatal || this.#stopping.signal.aborted) return
    this.#fatal = true
    this.#options.onFatal(error)
  }
}
