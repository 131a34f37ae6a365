import { setTimeout as sleep } from 'node:timers/promises'
import type * as Kafkajs from 'kafkajs'
import type { Compression } from './compression.ts'
import { brokerErrorTypes, isRefusal, KafkaError } from './kafka-error.ts'
import { CompressionTypes, type ConnectionOptions, openKafka } from './kafkajs.ts'
import type { OutMessage, Producer } from './port.ts'

export type ProducerOptions = ConnectionOptions & {
  /** How long a message is tried before `send` rejects with `unavailable`, ms. */
  readonly deliveryTimeoutMs?: number
  /**
   * `zstd` (level 1) unless said otherwise. Measured (loadtest/src/micro/kafka.ts), µs of CPU per record of messages of 500
   * updates (257 KB, compresses 4:1), produce + consume + broker: none 2.7 + 1.3 + 2.7, gzip 8.3 + 2.9 + 3.1, zstd
   * 2.2 + 1.1 + 1.8; and a quarter of the disk and network. snappy and lz4 bring packages and win nothing.
   */
  readonly compression?: Compression
  /** Largest message, encoded, bytes: `max.message.bytes` of the topics. */
  readonly messageBytesMax?: number
}

/** What kafkajs and the record format add to a message and to a record batch, generously. */
const overheadBytes = 128
/** One record batch goes to each partition in a request; well under `max.message.bytes`. */
const batchBytesMax = 2 * 1024 * 1024
const requestBytesMax = 8 * 1024 * 1024
const codecs = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, zstd: CompressionTypes.ZSTD } as const
const retryMs = { first: 100, max: 3000 }

type Call = {
  readonly deadline: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  remaining: number
  failed: boolean
}
type Item = { readonly call: Call; readonly topic: string; readonly message: OutMessage; readonly bytes: number }

/**
 * Appends messages with acks -1, one request at a time, so that order holds between calls; calls that arrive meanwhile
 * share the next request. Not idempotent on purpose: the idempotent producer of kafkajs loses acknowledged records when
 * two sends are in flight and an answer is lost.
 *
 * Delivery: at least once. When an answer is lost the same messages are appended again before any later ones, so each
 * copy of the stream is in order and complete. Proved by test/conformance.ts.
 */
export class KafkajsProducer implements Producer {
  readonly #options: Required<Omit<ProducerOptions, 'requestTimeoutMs'>> & ConnectionOptions
  #client: Kafkajs.Producer | null = null
  #waiting: Item[] = []
  #pumping: Promise<void> | null = null
  #closed = false

  constructor(options: ProducerOptions) {
    this.#options = { deliveryTimeoutMs: 120_000, compression: 'zstd', messageBytesMax: 8 * 1024 * 1024, ...options }
  }

  send(topic: string, messages: readonly OutMessage[]): Promise<void> {
    if (this.#closed) return Promise.reject(new KafkaError('closed', 'The producer is closed.'))
    if (messages.length === 0) return Promise.resolve()
    const items: Item[] = []
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#options.deliveryTimeoutMs
      const call: Call = { deadline, resolve, reject, remaining: messages.length, failed: false }
      for (const message of messages) {
        const bytes = message.value.length + (message.key?.length ?? 0) + overheadBytes
        if (bytes > this.#options.messageBytesMax)
          return reject(tooLarge(topic, message, this.#options.messageBytesMax))
        items.push({ call, topic, message, bytes })
      }
      this.#waiting.push(...items)
      this.#pumping ??= this.#pump()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#pumping
    await this.#discardClient()
  }

  async #pump(): Promise<void> {
    while (this.#waiting.length > 0) {
      const items = this.#takeRequest()
      await this.#deliver(items)
    }
    // In the same turn as the check above: a call that comes right after must start the next pump.
    this.#pumping = null
  }

  /** The longest prefix of what waits that fits one request; strictly first in, first out. */
  #takeRequest(): Item[] {
    const partitionBytes = new Map<string, number>()
    let requestBytes = 0
    let count = 0
    for (const { topic, message, bytes } of this.#waiting) {
      const partition = `${topic}/${message.partition}`
      const sum = (partitionBytes.get(partition) ?? 0) + bytes
      if (count > 0 && (requestBytes + bytes > requestBytesMax || (sum > bytes && sum > batchBytesMax))) break
      partitionBytes.set(partition, sum)
      requestBytes += bytes
      count++
    }
    return this.#waiting.splice(0, count)
  }

  /** Tries until the items are acknowledged, refused, or too old; settles their calls. Never rejects. */
  async #deliver(items: Item[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#attempt(items)
        return settle(items)
      } catch (error) {
        const types = brokerErrorTypes(error)
        if (types.includes('MESSAGE_TOO_LARGE') || types.includes('RECORD_LIST_TOO_LARGE')) {
          return this.#deliverApart(items, error)
        }
        const failure = this.#failureOf(items, error)
        if (failure) return this.#failAll(items, failure)
        this.#options.logger.warn({ err: error, attempt, messages: items.length }, 'producing failed, trying again')
        await this.#discardClient() // a fresh connection: kafkajs keeps one whose requests time out
        await sleep(Math.min(retryMs.max, retryMs.first * 2 ** attempt) * (0.5 + Math.random() / 2))
      }
    }
  }

  /** The topic allows less than we thought: one by one, only what is too large fails. */
  async #deliverApart(items: Item[], cause: unknown): Promise<void> {
    if (items.length === 1) {
      const { topic, bytes } = items[0]!
      return fail(items, new KafkaError('message_too_large', `${topic} does not take ${bytes} bytes.`, { cause }))
    }
    for (const item of items) await this.#deliver([item])
  }

  /** Why there is no point in another attempt; null when there is one. */
  #failureOf(items: readonly Item[], cause: unknown): KafkaError | null {
    if (isRefusal(cause)) return new KafkaError('not_allowed', messageOf(cause), { cause })
    const now = performance.now()
    if (items.every(({ call }) => call.deadline > now)) return null
    const { deliveryTimeoutMs } = this.#options
    const message = `Kafka did not acknowledge within ${deliveryTimeoutMs} ms: ${messageOf(cause)}`
    return new KafkaError('unavailable', message, { cause })
  }

  /** What waits behind a failure fails with it: otherwise later messages would stand in the topic after a gap. */
  #failAll(items: readonly Item[], failure: KafkaError): void {
    const waiting = this.#waiting
    this.#waiting = []
    fail([...items, ...waiting], failure)
  }

  async #attempt(items: readonly Item[]): Promise<void> {
    const client = await this.#connectedClient()
    const byTopic = new Map<string, Kafkajs.Message[]>()
    for (const { topic, message } of items) {
      const messages = byTopic.get(topic)
      const { partition, value, key = null } = message
      if (messages) messages.push({ partition, value, key })
      else byTopic.set(topic, [{ partition, value, key }])
    }
    await client.sendBatch({
      acks: -1,
      timeout: this.#options.requestTimeoutMs ?? 10_000,
      compression: codecs[this.#options.compression],
      topicMessages: Array.from(byTopic, ([topic, messages]) => ({ topic, messages })),
    })
  }

  async #connectedClient(): Promise<Kafkajs.Producer> {
    if (this.#client) return this.#client
    const client = openKafka(this.#options).producer({
      idempotent: false,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: () => partitionOfMessage,
      // Repetition is decided in #deliver, where the deadline is known.
      retry: { retries: 0 },
    })
    this.#client = client
    await client.connect()
    return client
  }

  async #discardClient(): Promise<void> {
    const client = this.#client
    this.#client = null
    if (!client) return
    const disconnected = client.disconnect().catch((err: unknown) => {
      this.#options.logger.debug({ err }, 'disconnecting a producer failed')
    })
    // A black-holed connection must not hold up the next one.
    await Promise.race([disconnected, sleep(1000, undefined, { ref: false })])
  }
}

function partitionOfMessage({ message }: Kafkajs.PartitionerArgs): number {
  return message.partition!
}

function settle(items: readonly Item[]): void {
  for (const { call } of items) {
    call.remaining--
    if (call.remaining === 0 && !call.failed) call.resolve()
  }
}

function fail(items: readonly Item[], error: Error): void {
  for (const { call } of items) {
    call.remaining--
    if (call.failed) continue
    call.failed = true
    call.reject(error)
  }
}

function tooLarge(topic: string, { partition, value }: OutMessage, limit: number): KafkaError {
  const size = `${value.length} bytes for ${topic}/${partition}`
  return new KafkaError('message_too_large', `A message of ${size} is over the limit of ${limit} bytes.`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
