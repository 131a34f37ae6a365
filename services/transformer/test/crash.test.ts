import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { markerSchema } from '@millrace/domain/wire/avro-schemas.ts'
import { groupLag } from '@millrace/kafka/admin.ts'
import { createConsumer, createProducer } from '@millrace/kafka/kafkajs-client.ts'
import type { Producer } from '@millrace/kafka/port.ts'
import { ensureTopics } from '@millrace/kafka/topics.ts'
import { until } from '@millrace/local-stack/servers/until.ts'
import { createLogger } from '@millrace/telemetry/logger.ts'
import { type FaultyBroker, startFaultyBroker } from '@millrace/testkit/faulty-broker.ts'
import { UpdatesSeen } from './fixtures/updates-seen.ts'
import { changeBatch, MemoryRegistry, makeRun, marker, registerSamples } from './sample.ts'

const fixture = fileURLToPath(new URL('./fixtures/lane.ts', import.meta.url))
const partitions = 3
const patience = { timeoutMs: 60_000 }

describe('the transformer on real Kafka', () => {
  const run = makeRun()
  const logger = createLogger({ service: 'test', instance: 'one', level: 'silent' })
  const children: ChildProcess[] = []
  const updates = new UpdatesSeen()
  let broker: FaultyBroker
  let producer: Producer
  let stopReading: () => Promise<void>
  let ids: { changes: number; marker: number }
  let sent = 0

  before(async () => {
    broker = await startFaultyBroker()
    const connection = { brokers: [broker.address], clientId: 'test', logger }
    await ensureTopics({ ...connection, partitions, warehouses: ['postgres'], lanes: ['live'] })
    producer = createProducer(connection)
    const registry = new MemoryRegistry()
    ids = await registerSamples(registry)
    updates.markerId = await registry.register('updates.live', markerSchema)
    const consumer = createConsumer({
      ...connection,
      groupId: 'test',
      topics: ['updates.live'],
      onFatal: (error) => updates.failures.push(error),
      openPartition: async (_topic, partition, control) => ({
        startOffset: 0n,
        worker: {
          async accept(messages) {
            for (const { value } of messages) updates.add(partition, value)
            control.commit(messages.at(-1)!.offset + 1n)
          },
          close: async () => undefined,
        },
      }),
    })
    stopReading = () => consumer.close()
  })
  after(async () => {
    for (const child of children) if (child.exitCode === null) child.kill('SIGKILL')
    await stopReading?.()
    await producer?.close()
    await broker?.close()
  })

  function start(failpoints = ''): ChildProcess {
    const child = spawn(process.execPath, [fixture, broker.address, String(partitions), run.runId], {
      env: { ...process.env, MILLRACE_FAILPOINTS: failpoints, MILLRACE_LOG_LEVEL: 'warn' },
      stdio: ['ignore', 'inherit', 'pipe'],
    })
    children.push(child)
    return child
  }

  async function sendBatches(count: number): Promise<void> {
    for (let n = 0; n < count; n++, sent++) {
      const value = changeBatch(ids.changes, run, sent, 20)
      await producer.send(
        'changes.postgres.live',
        Array.from({ length: partitions }, (_, partition) => ({ partition, value })),
      )
    }
  }

  /** Every batch arrived in every partition; copies are allowed, but the first copies are in order. */
  async function assertComplete(): Promise<void> {
    await until(() => updates.distinct() === sent * partitions, patience)
    const expected = Array.from({ length: sent }, (_, seq) => seq)
    for (let partition = 0; partition < partitions; partition++) {
      assert.deepEqual([...new Set(updates.seqs(partition))], expected)
    }
    assert.deepEqual(updates.failures, [])
  }

  test('a process that dies between produce and commit leaves copies, no gaps and no disorder', async () => {
    await sendBatches(30)
    const dying = start('transformer.afterProduce=exit:20')
    let proof = ''
    dying.stderr!.setEncoding('utf8').on('data', (text: string) => {
      proof += text
    })
    // Not 'exit', which may come before the last of what it said.
    const [code] = await once(dying, 'close')
    assert.equal(code, 137)
    assert.match(proof, /failpoint transformer\.afterProduce: exit/)
    await until(() => updates.count() > 0, patience)
    start()
    // What was produced and not committed comes a second time, also when nothing else was left to produce.
    await until(() => updates.count() > sent * partitions, { ...patience, what: 'a copy' })
    // Once one more batch has come, every copy before it has.
    await sendBatches(1)
    await assertComplete()
  })

  test('SIGTERM under load finishes what is on its way, commits it and ends with 0', async () => {
    const stopping = children.at(-1)!
    const copies = updates.count() - updates.distinct()
    const load = sendBatches(150)
    await until(() => updates.distinct() > (sent - 100) * partitions && sent > 60, { ...patience, everyMs: 5 })
    stopping.kill('SIGTERM')
    const [code] = await once(stopping, 'exit')
    assert.equal(code, 0)
    await load
    start()
    await assertComplete()
    assert.equal(updates.count() - updates.distinct(), copies, 'something was done twice although there was time')
  })

  test('a killed broker and a second process that joins and dies cost time, not batches', async () => {
    const load = sendBatches(100)
    const second = start()
    await sleep(1500)
    await broker.kill()
    await sleep(500)
    await broker.start()
    second.kill('SIGKILL')
    await load
    await assertComplete()
  })

  test('a marker arrives after everything before it, and a message nobody can read does not stop the partition', async () => {
    await producer.send('changes.postgres.live', [{ partition: 1, value: Buffer.from('poison') }])
    await sendBatches(5)
    await producer.send('changes.postgres.live', [{ partition: 1, value: marker(ids.marker, run, 'run_end') }])
    await assertComplete()
    await until(() => updates.markers.length > 0, patience)
    assert.deepEqual(updates.markers, [{ partition: 1, after: sent }])
    const connection = { brokers: [broker.address], clientId: 'test', logger }
    const [letters] = await groupLag(connection, 'nobody', ['deadletter'])
    assert.equal(letters!.end, 1n)
  })
})
