import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger, type Logger, type LogLevel } from '@millrace/telemetry/logger.ts'
import { type FaultyBroker, startFaultyBroker } from '@millrace/testkit/faulty-broker.ts'
import { groupLag } from '../src/admin.ts'
import type { KafkajsConsumerOptions } from '../src/kafkajs-consumer.ts'
import type { ProducerOptions } from '../src/kafkajs-producer.ts'
import type { Consumer, InMessage, PartitionControl, Producer } from '../src/port.ts'
import { ensureTopic } from '../src/topics.ts'

/** A client library under test: the two functions that make the port's ends. */
export type ClientFactory = {
  createProducer(options: ProducerOptions): Producer
  createConsumer(options: KafkajsConsumerOptions): Consumer
}

const partitions = 6
const sessionTimeoutMs = 4000

/** What every Kafka client behind the port must do, against a real broker and real faults. */
export function describeConformance(name: string, factory: ClientFactory): void {
  describe(`${name} behind the Kafka port`, () => {
    let broker: FaultyBroker
    let bench: Bench
    before(async () => {
      broker = await startFaultyBroker()
      bench = new Bench(broker, factory)
    })
    after(async () => {
      await bench?.close()
      await broker?.close()
    })

    test('messages of a partition arrive complete and in the order of the calls', async () => {
      const topic = await bench.topic()
      const producer = bench.producer()
      const sends = range(300).map((n) =>
        producer.send(topic, [numbered(n, n % partitions), numbered(n + 300, (n + 1) % partitions)]),
      )
      await Promise.all(sends)
      const reader = bench.reader(topic)
      await until(() => reader.count() === 600)
      for (const numbers of reader.partitions.values()) assertAscendingWithin(numbers, 300)
    })

    test('a call made at any moment after an acknowledgement is sent as well', async () => {
      const topic = await bench.topic()
      const producer = bench.producer()
      for (const turns of range(20)) {
        await producer.send(topic, [numbered(turns, 0)])
        for (let turn = 0; turn < turns; turn++) await null
      }
    })

    test('one call larger than a record batch may be is split, and a message that is too large is refused at once', async () => {
      const topic = await bench.topic()
      const producer = bench.producer()
      const large = range(12).map((n) => numbered(n, 0, 1_000_000))
      await producer.send(topic, large)
      const tooLarge = { partition: 0, value: Buffer.alloc(8 * 1024 * 1024 + 1) }
      await assert.rejects(producer.send(topic, [numbered(99, 0), tooLarge]), { code: 'message_too_large' })
      await producer.send(topic, [numbered(12, 0)])
      const reader = bench.reader(topic)
      await until(() => reader.count() === 13)
      assert.deepEqual(reader.partitions.get(0), range(13))
    })

    test('a broker killed with -9 and started again loses nothing that was acknowledged, and order holds', async () => {
      const topic = await bench.topic()
      const producer = bench.producer({ deliveryTimeoutMs: 60_000 })
      const reader = bench.reader(topic)
      let sent = 0
      const stream = async () => {
        for (; sent < 400; sent++) {
          await producer.send(
            topic,
            range(partitions).map((partition) => numbered(sent, partition)),
          )
          await sleep(5)
        }
      }
      const streaming = stream()
      await until(() => reader.count() > 100)
      await broker.kill()
      const atKill = sent
      await sleep(1500)
      await broker.start()
      await streaming
      assert.ok(atKill < 400, 'the broker died too late to matter')
      await until(() => reader.distinct() === 400 * partitions, 45_000)
      for (const numbers of reader.partitions.values()) assert.deepEqual(firstSeen(numbers), range(400))
      assert.deepEqual(reader.fatal, [])
    })

    test('acknowledgements lost after the append lose no message and reorder none', async () => {
      const topic = await bench.topic()
      const producer = bench.producer({ deliveryTimeoutMs: 60_000 })
      await producer.send(topic, [numbered(0, 0)])
      const resetsBefore = broker.proxy.seen.resets
      let sent = 1
      const storm = (async () => {
        while (sent < 200) {
          await sleep(150)
          broker.proxy.set('downstream', { type: 'reset_peer' })
          await sleep(40)
          broker.proxy.heal()
        }
      })()
      for (; sent < 200; sent++) {
        await producer.send(topic, [numbered(sent, 0)])
        await sleep(8)
      }
      await storm
      broker.proxy.heal()
      assert.ok(broker.proxy.seen.resets > resetsBefore, 'no answer was lost')
      const reader = bench.reader(topic)
      await until(() => reader.distinct() === 200)
      assert.deepEqual(firstSeen(reader.partitions.get(0)!), range(200))
    })

    test('a slow, sliced link makes everything slower and nothing wrong', async () => {
      const topic = await bench.topic()
      const producer = bench.producer()
      const reader = bench.reader(topic)
      broker.proxy.set('upstream', { type: 'slicer', bytes: 4096 }, { type: 'latency', ms: 2, jitterMs: 2 })
      broker.proxy.set('downstream', { type: 'slicer', bytes: 1500 }, { type: 'latency', ms: 2, jitterMs: 2 })
      await Promise.all(range(40).map((n) => producer.send(topic, [numbered(n, n % partitions, 5000)])))
      await until(() => reader.count() >= 40, 60_000)
      broker.proxy.heal()
      assert.equal(reader.distinct(), 40)
      assert.equal(reader.count(), 40)
    })

    test('a black hole is noticed within the request time-out and left behind once it heals', async () => {
      const topic = await bench.topic()
      const producer = bench.producer({ requestTimeoutMs: 2000, deliveryTimeoutMs: 60_000 })
      const reader = bench.reader(topic, { requestTimeoutMs: 2000 })
      await producer.send(topic, [numbered(0, 0)])
      await until(() => reader.count() === 1)
      broker.proxy.set('upstream', { type: 'timeout' })
      const send = producer.send(topic, [numbered(1, 0)])
      await sleep(5000)
      assert.ok(broker.proxy.seen.swallowedBytes > 0, 'nothing was swallowed')
      broker.proxy.heal()
      await send
      await until(() => reader.distinct() === 2, 30_000)
      assert.deepEqual(reader.fatal, [])
    })

    test('a message that nobody acknowledges in time is given back as unavailable', async () => {
      const topic = await bench.topic()
      const producer = bench.producer({ requestTimeoutMs: 1000, deliveryTimeoutMs: 1500 })
      await producer.send(topic, [numbered(0, 0)])
      broker.proxy.refuse(true)
      broker.proxy.cut()
      try {
        await assert.rejects(producer.send(topic, [numbered(1, 0)]), { code: 'unavailable' })
      } finally {
        broker.proxy.refuse(false)
      }
      await producer.send(topic, [numbered(2, 0)])
    })

    test('a member that joins takes partitions over, one that leaves gives them back, and nothing is missed', async () => {
      const topic = await bench.topic()
      const producer = bench.producer()
      const group = bench.groupId()
      const first = bench.reader(topic, {}, group)
      await until(() => first.consumer.assignment().length === partitions)
      let sent = 0
      let stop = false
      const streaming = (async () => {
        while (!stop) {
          await producer.send(
            topic,
            range(partitions).map((partition) => numbered(sent, partition)),
          )
          sent++
          await sleep(10)
        }
      })()
      const second = bench.reader(topic, {}, group)
      await until(() => first.consumer.assignment().length === 3 && second.consumer.assignment().length === 3, 20_000)
      await until(() => second.count() > 10)
      await second.consumer.close()
      await until(() => first.consumer.assignment().length === partitions, 20_000)
      stop = true
      await streaming
      await until(() => {
        const both = range(partitions).map((partition) => new Set([...first.of(partition), ...second.of(partition)]))
        return both.every((numbers) => numbers.size === sent)
      })
      for (const reader of [first, second]) {
        assert.equal(reader.overlaps, 0, 'a partition had two workers at once')
        assert.deepEqual(reader.fatal, [])
      }
    })

    test('reading begins at the start offset that the worker names, else at the committed offset', async () => {
      const topic = await bench.topic()
      const producer = bench.producer()
      await producer.send(
        topic,
        range(10).map((n) => numbered(n, 0)),
      )
      const group = bench.groupId()
      const named = bench.reader(topic, {}, group, (partition) => (partition === 0 ? 7n : null))
      await until(() => named.count() === 3)
      assert.deepEqual(named.of(0), [7, 8, 9])
      await named.consumer.close()
      const lag = await groupLag(bench.connection(), group, [topic])
      assert.equal(lag.find(({ partition }) => partition === 0)!.lag, 0n)
      await producer.send(topic, [numbered(10, 0)])
      const committed = bench.reader(topic, {}, group)
      await until(() => committed.count() > 0)
      assert.deepEqual(committed.of(0), [10])
    })

    test('a worker that asks for it is replaced at once, by one that begins where it is told to', async () => {
      const topic = await bench.topic()
      const producer = bench.producer()
      await producer.send(
        topic,
        range(10).map((n) => numbered(n, 0)),
      )
      let start: bigint | null = null
      const reader = bench.reader(topic, {}, bench.groupId(), (partition) => (partition === 0 ? start : null))
      await until(() => reader.count() === 10)
      start = 8n
      const opened = reader.opened
      reader.controls.get(0)!.reopen()
      await until(() => reader.count() === 12)
      await producer.send(topic, [numbered(10, 0), numbered(11, 1)])
      await until(() => reader.count() === 14)
      assert.deepEqual(reader.of(0), [...range(10), 8, 9, 10])
      assert.deepEqual([reader.opened - opened, reader.overlaps], [1, 0])
    })

    test('a partition whose worker is full waits, keeps its membership and does not hold up the others', async () => {
      const topic = await bench.topic()
      const producer = bench.producer()
      const megabyte = 1024 * 1024
      for (const round of range(24)) {
        await producer.send(
          topic,
          range(partitions).map((partition) => numbered(round, partition, megabyte / 2)),
        )
      }
      const gate = Promise.withResolvers<void>()
      const reader = bench.reader(
        topic,
        { queueBytesMax: 6 * megabyte },
        undefined,
        () => null,
        (partition) => (partition === 0 ? gate.promise : undefined),
      )
      await until(() => reader.count() >= 24 * (partitions - 1), 30_000)
      const rss = process.memoryUsage().rss
      await sleep(2.5 * sessionTimeoutMs)
      assert.ok(process.memoryUsage().rss - rss < 64 * megabyte, 'memory grew while a worker was full')
      assert.equal(reader.opened, partitions, 'the member lost its place in the group')
      // What was handed to the full worker is at most a first fetch; the rest stays in Kafka.
      assert.ok(reader.offered(0) <= 4, `${reader.offered(0)} messages were taken for a full worker`)
      gate.resolve()
      await until(() => reader.of(0).length === 24)
      assert.deepEqual(reader.of(0), range(24))
    })

    test('a worker that never settles is reported as stuck, one that says that it waits is not', async () => {
      const topic = await bench.topic()
      await bench.producer().send(topic, [numbered(0, 0), numbered(0, 1)])
      const never = new Promise<void>(() => undefined)
      const watched = { watchdogMs: 1500 }
      const waiting = bench.reader(
        topic,
        watched,
        undefined,
        () => null,
        () => never,
      )
      const patience = setInterval(() => {
        for (const control of waiting.controls.values()) control.alive()
      }, 200)
      const stuck = bench.reader(
        topic,
        watched,
        undefined,
        () => null,
        () => never,
      )
      try {
        await until(() => stuck.fatal.length > 0, 20_000)
        assert.equal((stuck.fatal[0] as Error & { code: string }).code, 'stuck')
        assert.equal(stuck.fatal.length, 1)
        assert.deepEqual(waiting.fatal, [])
      } finally {
        clearInterval(patience)
      }
    })

    test('a worker that fails is reported once, with its reason', async () => {
      const topic = await bench.topic()
      await bench.producer().send(topic, [numbered(0, 0)])
      const reader = bench.reader(
        topic,
        {},
        undefined,
        () => null,
        () => Promise.reject(new Error('no room')),
      )
      await until(() => reader.fatal.length > 0)
      await sleep(300)
      assert.equal(reader.fatal.length, 1)
      assert.match(reader.fatal[0]!.message, /no room/)
    })

    test('every message carries the time at which the broker appended it', async () => {
      const topic = await bench.topic()
      const before = Date.now()
      await bench.producer().send(topic, [numbered(0, 0)])
      const reader = bench.reader(topic)
      await until(() => reader.count() === 1)
      assert.ok(reader.timestamps[0]! >= before - 5 && reader.timestamps[0]! <= Date.now() + 5)
    })
  })
}

/** Makes clients and topics of a test and closes what is left of them. */
class Bench {
  readonly #broker: FaultyBroker
  readonly #factory: ClientFactory
  readonly #logger: Logger
  readonly #open: { close(): Promise<void> }[] = []
  #names = 0

  constructor(broker: FaultyBroker, factory: ClientFactory) {
    this.#broker = broker
    this.#factory = factory
    const level = (process.env.MILLRACE_LOG_LEVEL ?? 'silent') as LogLevel
    this.#logger = createLogger({ service: 'conformance', instance: 'one', level })
  }

  connection() {
    return { brokers: [this.#broker.address], clientId: 'conformance', logger: this.#logger }
  }

  async topic(): Promise<string> {
    const topic = `topic-${++this.#names}`
    await ensureTopic({ ...this.connection(), topic, partitions })
    return topic
  }

  groupId(): string {
    return `group-${++this.#names}`
  }

  producer(options: Partial<ProducerOptions> = {}): Producer {
    const producer = this.#factory.createProducer({ ...this.connection(), ...options })
    this.#open.push(producer)
    return producer
  }

  reader(
    topic: string,
    options: Partial<KafkajsConsumerOptions> = {},
    groupId = this.groupId(),
    startOffset: (partition: number) => bigint | null = () => null,
    gate: (partition: number) => Promise<void> | undefined = () => undefined,
  ): Reader {
    const reader = new Reader(startOffset, gate)
    reader.consumer = this.#factory.createConsumer({
      ...this.connection(),
      sessionTimeoutMs,
      ...options,
      groupId,
      topics: [topic],
      openPartition: (_topic, partition, control) => reader.open(partition, control),
      onFatal: (error) => reader.fatal.push(error),
    })
    this.#open.push(reader.consumer)
    return reader
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.map((client) => client.close()))
  }
}

/** Writes down what it is given, and commits it. */
class Reader {
  consumer!: Consumer
  readonly partitions = new Map<number, number[]>()
  readonly controls = new Map<number, PartitionControl>()
  readonly timestamps: number[] = []
  readonly fatal: Error[] = []
  readonly #offered = new Map<number, number>()
  readonly #working = new Set<number>()
  readonly #startOffset: (partition: number) => bigint | null
  readonly #gate: (partition: number) => Promise<void> | undefined
  opened = 0
  overlaps = 0

  constructor(
    startOffset: (partition: number) => bigint | null,
    gate: (partition: number) => Promise<void> | undefined,
  ) {
    this.#startOffset = startOffset
    this.#gate = gate
  }

  async open(partition: number, control: PartitionControl) {
    this.opened++
    if (this.#working.has(partition)) this.overlaps++
    this.#working.add(partition)
    this.controls.set(partition, control)
    return {
      startOffset: this.#startOffset(partition),
      worker: {
        accept: (messages: readonly InMessage[]) => this.#accept(partition, control, messages),
        close: async () => {
          this.#working.delete(partition)
        },
      },
    }
  }

  async #accept(partition: number, control: PartitionControl, messages: readonly InMessage[]): Promise<void> {
    this.#offered.set(partition, this.offered(partition) + messages.length)
    await this.#gate(partition)
    const numbers = this.of(partition)
    for (const message of messages) {
      numbers.push(message.value.readUInt32BE(0))
      this.timestamps.push(message.timestampMs)
    }
    this.partitions.set(partition, numbers)
    control.commit(messages.at(-1)!.offset + 1n)
  }

  of(partition: number): number[] {
    return this.partitions.get(partition) ?? []
  }

  offered(partition: number): number {
    return this.#offered.get(partition) ?? 0
  }

  count(): number {
    return [...this.partitions.values()].reduce((sum, numbers) => sum + numbers.length, 0)
  }

  distinct(): number {
    return [...this.partitions.values()].reduce((sum, numbers) => sum + new Set(numbers).size, 0)
  }
}

function numbered(number: number, partition: number, bytes = 64) {
  const value = randomBytes(bytes) // not compressible, so that sizes mean what they say
  value.writeUInt32BE(number)
  return { partition, value }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

/** Numbers without later copies of one that came before. */
function firstSeen(numbers: readonly number[]): number[] {
  return [...new Set(numbers)]
}

/** Two interleaved ascending streams, below and from `boundary`. */
function assertAscendingWithin(numbers: readonly number[], boundary: number): void {
  for (const stream of [numbers.filter((n) => n < boundary), numbers.filter((n) => n >= boundary)]) {
    assert.ok(stream.length > 0)
    assert.deepEqual(
      stream,
      [...new Set(stream)].sort((a, b) => a - b),
    )
  }
}

async function until(condition: () => boolean, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > deadline) assert.fail(`still not true after ${timeoutMs} ms: ${condition}`)
    await sleep(20)
  }
}
