import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InFlightBytes } from '@millrace/kafka/in-flight-bytes.ts'
import { KafkaError } from '@millrace/kafka/kafka-error.ts'
import type { OutMessage } from '@millrace/kafka/port.ts'
import { RegistryError } from '@millrace/registry/registry-error.ts'
import { createLogger } from '@millrace/telemetry/logger.ts'
import { startMetrics } from '@millrace/telemetry/metrics.ts'
import { startTracing } from '@millrace/telemetry/tracing.ts'
import { PartitionTransformer } from '../src/partition-transformer.ts'
import type { Transformed } from '../src/transform-message.ts'
import { inMessage, makeHeader, makeRun } from './sample.ts'

type Sent = { readonly topic: string; readonly messages: readonly OutMessage[] } & PromiseWithResolvers<void>

const run = makeRun()
const header = { ...makeHeader(run, 0), rows: 1, bytes: 10 }

/** A partition whose messages say what becomes of them: `ok`, `marker`, `drop`, `bad` or `crash`. */
function setUp(inFlightBytesMax = 1_000_000) {
  const sent: Sent[] = []
  const commits: bigint[] = []
  const failures: Error[] = []
  const metrics = startMetrics({ service: 'test', instance: 'one' })
  const inFlight = new InFlightBytes(inFlightBytesMax)
  const worker = new PartitionTransformer({
    topic: 'changes.postgres.live',
    partition: 4,
    target: 'updates.live',
    control: {
      commit: (offset) => commits.push(offset),
      alive: () => undefined,
      reopen: () => undefined,
      highWatermark: () => 0n,
    },
    async transform({ value }): Promise<Transformed> {
      const text = value.toString()
      if (text === 'bad') throw new RegistryError('not_framed', 'no frame')
      if (text === 'crash') throw new TypeError('a fault of the program')
      if (text === 'drop') return { kind: 'dropped', reason: 'run_ended', header }
      if (text === 'marker') return { kind: 'marker', value }
      return { kind: 'batch', value, header, updates: 1, rejects: 0 }
    },
    producer: {
      send(topic, messages) {
        const entry = { topic, messages, ...Promise.withResolvers<void>() }
        sent.push(entry)
        return entry.promise
      },
      close: async () => undefined,
    },
    inFlight,
    instruments: metrics.instruments,
    labels: { stage: 'transform', lane: 'live' },
    tracing: startTracing({ service: 'test', instance: 'one' }),
    log: createLogger({ service: 'test', instance: 'one', level: 'silent' }),
    fail: (error) => failures.push(error),
  })
  const accept = (...texts: string[]) => worker.accept(texts.map((text, n) => inMessage(n, Buffer.from(text))))
  return { worker, accept, sent, commits, failures, inFlight, metrics }
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5))

test('one message goes out for one that came in, in order, to the same partition, without waiting for the one before', async () => {
  const { accept, sent, commits } = setUp()
  await accept('ok-1', 'marker', 'ok-2')
  assert.deepEqual(
    sent.map(({ topic, messages }) => [topic, messages[0]!.partition, messages[0]!.value.toString()]),
    [
      ['updates.live', 4, 'ok-1'],
      ['updates.live', 4, 'marker'],
      ['updates.live', 4, 'ok-2'],
    ],
  )
  assert.deepEqual(commits, [])
})

test('an offset is committed only when its message and all before it are acknowledged', async () => {
  const { accept, sent, commits } = setUp()
  await accept('ok-1', 'ok-2', 'drop', 'ok-3')
  sent[1]!.resolve()
  sent[2]!.resolve()
  await settled()
  assert.deepEqual(commits, [])
  sent[0]!.resolve()
  await settled()
  assert.deepEqual(commits, [1n, 2n, 3n, 4n])
})

test('a message that cannot be read goes to the dead letters with its coordinates, and the partition moves on', async () => {
  const { accept, sent, commits, metrics } = setUp()
  await accept('bad', 'ok')
  assert.equal(sent[0]!.topic, 'deadletter')
  const letter = JSON.parse(sent[0]!.messages[0]!.value.toString())
  assert.equal(letter.topic, 'changes.postgres.live')
  assert.equal(letter.partition, 4)
  assert.equal(letter.offset, '0')
  assert.equal(letter.reason, 'undecodable')
  assert.equal(Buffer.from(letter.value, 'base64').toString(), 'bad')
  assert.equal(sent[1]!.topic, 'updates.live')
  for (const { resolve } of sent) resolve()
  await settled()
  assert.deepEqual(commits, [1n, 2n])
  assert.match(await metrics.exposition(), /millrace_dead_letters_total\{.*reason="undecodable".*\} 1/)
})

test('updates that no message can hold are set aside as well', async () => {
  const { accept, sent, commits } = setUp()
  await accept('ok')
  sent[0]!.reject(new KafkaError('message_too_large', 'too large'))
  await settled()
  assert.equal(sent[1]!.topic, 'deadletter')
  assert.deepEqual(commits, [])
  sent[1]!.resolve()
  await settled()
  assert.deepEqual(commits, [1n])
})

test('a producer that gives up ends the process, and nothing after the failure is committed or sent', async () => {
  const { accept, sent, commits, failures } = setUp()
  await accept('ok-1', 'ok-2')
  sent[0]!.reject(new KafkaError('unavailable', 'no answer'))
  sent[1]!.resolve()
  await settled()
  assert.equal(failures.length, 1)
  assert.deepEqual(commits, [])
  await accept('ok-3')
  assert.equal(sent.length, 2)
})

test('a fault of the program is not taken for a bad message', async () => {
  const { accept, sent } = setUp()
  await assert.rejects(accept('crash'), TypeError)
  assert.deepEqual(sent, [])
})

test('taking stops while too many bytes are unacknowledged', async () => {
  const { accept, sent, inFlight } = setUp(10)
  let done = false
  const accepting = accept('ok-1-0123456789', 'ok-2-0123456789', 'ok-3').then(() => {
    done = true
  })
  await settled()
  assert.equal(sent.length, 1)
  assert.equal(done, false)
  sent[0]!.resolve()
  await settled()
  assert.equal(sent.length, 2)
  sent[1]!.resolve()
  await accepting
  sent[2]!.resolve()
  await settled()
  assert.equal(inFlight.bytes, 0)
})

test('a revoked partition waits for what is on its way, and takes nothing more', async () => {
  const { worker, accept, sent, commits } = setUp()
  await accept('ok-1')
  let closed = false
  const closing = worker.close().then(() => {
    closed = true
  })
  await accept('ok-2')
  assert.equal(sent.length, 1)
  assert.equal(closed, false)
  sent[0]!.resolve()
  await closing
  assert.deepEqual(commits, [1n])
})
