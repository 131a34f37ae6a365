import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type Compression, compressions } from '@millrace/kafka/compression.ts'
import { createConsumer, createProducer } from '@millrace/kafka/kafkajs-client.ts'
import { ensureTopic } from '@millrace/kafka/topics.ts'
import { startKafka } from '@millrace/local-stack/servers/kafka.ts'
import { createLogger } from '@millrace/telemetry/logger.ts'
import { cpuSeconds } from '../measure/process-usage.ts'
import { shopBatches, shopUpdates } from './shop-batches.ts'

/**
 * What one hop through Kafka costs per record, by compression: this process produces update batches of 500 rows and
 * consumes them again, with a real broker beside it.
 *
 *     node loadtest/src/micro/kafka.ts [--records 400000] [--rows 500]
 */
const { values } = parseArgs({
  options: { records: { type: 'string', default: '400000' }, rows: { type: 'string', default: '500' } },
})
const rowsPerBatch = Number(values.rows)
const batchCount = Math.ceil(Number(values.records) / rowsPerBatch)
const partitions = 8
/** Batches that a service has on the way at the same time. */
const inFlight = 16

const dir = mkdtempSync(path.join(tmpdir(), 'micro-kafka-'))
const broker = await startKafka({ dir })
const logger = createLogger({ service: 'micro', instance: 'one', level: 'error' })
const connection = { brokers: [broker.brokers], clientId: 'micro', logger }
let runs = 0
const samples = shopUpdates(shopBatches(64, rowsPerBatch))

try {
  console.log(`${batchCount} batches of ${rowsPerBatch} rows, ${samples[0]!.length} B each; µs CPU a record`)
  console.log('compression  produce  broker  consume  broker     all')
  for (const compression of ['none', ...compressions] as const) await measure(compression)
} finally {
  await broker.stop()
  rmSync(dir, { recursive: true })
}

/** The first call is to warm up. */
async function measure(compression: Compression): Promise<void> {
  const topic = `micro-${runs++}`
  await ensureTopic({ ...connection, topic, partitions })
  const produced = await costOf(() => produce(topic, compression))
  const consumed = await costOf(() => consume(topic))
  if (runs === 1) return
  const all = produced.own + produced.broker + consumed.own + consumed.broker
  const columns = [produced.own, produced.broker, consumed.own, consumed.broker, all].map((each) =>
    each.toFixed(2).padStart(7),
  )
  console.log(`${compression.padEnd(12)}${columns.join(' ')}`)
}

async function costOf(work: () => Promise<void>): Promise<{ own: number; broker: number }> {
  const own = process.cpuUsage()
  const brokerBefore = cpuSeconds(broker.pid, false)
  await work()
  const { user, system } = process.cpuUsage(own)
  const records = batchCount * rowsPerBatch
  return { own: (user + system) / records, broker: ((cpuSeconds(broker.pid, false) - brokerBefore) * 1e6) / records }
}

async function produce(topic: string, compression: Compression): Promise<void> {
  const producer = createProducer({ ...connection, compression })
  let next = 0
  const loop = async () => {
    while (next < batchCount) {
      const n = next++
      await producer.send(topic, [{ partition: n % partitions, value: samples[n % samples.length]! }])
    }
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
  await producer.close()
}

async function consume(topic: string): Promise<void> {
  let left = batchCount
  const done = Promise.withResolvers<void>()
  const consumer = createConsumer({
    ...connection,
    groupId: topic,
    topics: [topic],
    onFatal: done.reject,
    openPartition: async (_topic, _partition, control) => ({
      startOffset: 0n,
      worker: {
        async accept(messages) {
          left -= messages.length
          control.commit(messages.at(-1)!.offset + 1n)
          if (left <= 0) done.resolve()
        },
        close: async () => undefined,
      },
    }),
  })
  await done.promise
  await consumer.close()
}
