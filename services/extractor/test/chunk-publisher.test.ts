import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { partitionOf } from '@millrace/domain/identity/partition.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import type { BatchHeader } from '@millrace/domain/wire/batch-header.ts'
import { readChangeBatch } from '@millrace/domain/wire/change-batch.ts'
import { compileSkipRow } from '@millrace/domain/wire/skip-row.ts'
import type { ChangeOp } from '@millrace/domain/words.ts'
import type { OutMessage, Producer } from '@millrace/kafka/port.ts'
import fc from 'fast-check'
import { ChunkPublisher, type ChunkPublisherParts, type PublishLimits } from '../src/chunk-publisher.ts'
import type { ReadGate } from '../src/read-gate.ts'

const schema: RowSchema = {
  table: 'public.notes',
  key: [],
  columns: [{ name: 'text', type: 'string', sourceType: 'text' }],
}
const skipRow = compileSkipRow(schema)
const partitions = 4
const limits: PublishLimits = {
  batchRowsMax: 10,
  batchBytesMax: 4096,
  rowBytesMax: 8192,
  sendBytes: 1,
  unackedBytesMax: 1 << 20,
}
const header = {
  projectId: 'project-1',
  syncId: 'sync-1',
  runId: '0b8a4a1e-9d0c-4f0e-8a55-1d2f4c3b2a10',
  runSeq: 3,
  generation: 1,
  mappingVersion: 2,
  chunk: 7,
  attempt: 2,
  traceparent: '',
}
const openGate: ReadGate = { closed: false, opened: async () => undefined }

/** A producer that keeps what it is given; `held` sends wait for `release`. */
class FakeProducer implements Producer {
  readonly sent: OutMessage[] = []
  holding = false
  failure: Error | null = null
  #held: (() => void)[] = []

  async send(_topic: string, messages: readonly OutMessage[]): Promise<void> {
    if (this.failure) throw this.failure
    this.sent.push(...messages)
    if (this.holding) await new Promise<void>((resolve) => this.#held.push(resolve))
  }

  release(): void {
    for (const resolve of this.#held.splice(0)) resolve()
  }

  async close(): Promise<void> {
    this.release()
  }
}

type Seen = {
  readonly header: BatchHeader
  readonly ordinals: number[]
  readonly ops: ChangeOp[]
  readonly withoutRow: number[]
  readonly befores: (string | null)[]
}

function read(message: OutMessage): Seen {
  assert.equal(message.value.readInt32BE(1), 42, 'the schema id stands in front')
  const cursor = readChangeBatch(message.value, 5, skipRow, skipRow)
  const seen: Seen = { header: cursor.header, ordinals: [], ops: [], withoutRow: [], befores: [] }
  while (cursor.next()) {
    assert.equal(
      partitionOf(cursor.buffer.subarray(cursor.rowIdStart, cursor.rowIdStart + 32), partitions),
      message.partition,
    )
    seen.ordinals.push(cursor.ordinal)
    seen.ops.push(cursor.op)
    const { beforeStart, beforeEnd } = cursor
    seen.befores.push(beforeStart < 0 ? null : cursor.buffer.toString('hex', beforeStart, beforeEnd))
    if (cursor.rowStart < 0) seen.withoutRow.push(cursor.ordinal)
  }
  return seen
}

function publisher(producer: Producer, parts: Partial<ChunkPublisherParts> = {}): ChunkPublisher {
  return new ChunkPublisher({
    producer,
    header,
    target: { topic: 'changes.postgres.live', schemaId: 42, tableType: 'events', partitions, beforeColumns: 1 },
    limits,
    gate: openGate,
    ...parts,
  })
}

function rowOf(length: number): Buffer {
  const writer = new AvroWriter(length + 16)
  writer.writeSome()
  writer.writeString('x'.repeat(length))
  return writer.take()
}

function insert(into: ChunkPublisher, length: number, rowId = randomBytes(32)): boolean {
  const row = rowOf(length)
  return into.insert(rowId, row, 0, row.length)
}

describe('publishing a chunk', () => {
  test('every row is published once, in its partition, in batches numbered without gaps, as the manifest says', async () => {
    const lengths = fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 3000, max: 9000 })), {
      maxLength: 200,
    })
    await fc.assert(
      fc.asyncProperty(lengths, async (lengths) => {
        const producer = new FakeProducer()
        const one = publisher(producer)
        for (const length of lengths) if (!insert(one, length)) await one.drained()
        const manifest = await one.finish()
        const batches = producer.sent.map((message) => ({ partition: message.partition, ...read(message) }))
        const ordinals = batches.flatMap((batch) => batch.ordinals)
        assert.deepEqual(
          ordinals.toSorted((a, b) => a - b),
          [...lengths.keys()],
        )
        for (let partition = 0; partition < partitions; partition++) {
          const own = batches.filter((batch) => batch.partition === partition)
          assert.deepEqual(
            own.map((batch) => batch.header.seq),
            [...own.keys()],
          )
          const rows = own.flatMap((batch) => batch.ordinals)
          assert.deepEqual(
            rows,
            rows.toSorted((a, b) => a - b),
            'rows of a partition keep their order',
          )
          assert.equal(manifest.partitionRows[partition], rows.length)
          assert.equal(manifest.partitionBatches[partition], own.length)
        }
        assert.equal(manifest.rows, lengths.length)
        assert.equal(
          manifest.bytes,
          batches.reduce((sum, batch) => sum + batch.header.bytes, 0),
        )
        assert.equal(one.publishedBytes, manifest.bytes)
      }),
      { numRuns: 60 },
    )
  })

  test('a batch has at most the rows and bytes that are allowed, unless one row alone is larger', async () => {
    const producer = new FakeProducer()
    const one = publisher(producer)
    for (let n = 0; n < 300; n++) insert(one, n % 7 === 0 ? 3000 : 100)
    insert(one, 6000)
    await one.finish()
    for (const message of producer.sent) {
      const { header, ordinals } = read(message)
      assert.equal(header.rows, ordinals.length)
      assert.ok(header.rows <= 10)
      assert.ok(header.bytes <= 4096 + 100 || header.rows === 1, `${header.rows} rows have ${header.bytes} bytes`)
    }
  })

  test('a row over the limit keeps its place without its columns', async () => {
    const producer = new FakeProducer()
    const one = publisher(producer)
    insert(one, 10)
    insert(one, 8300)
    insert(one, 10)
    const manifest = await one.finish()
    const seen = producer.sent.map(read)
    assert.deepEqual(
      seen.flatMap(({ withoutRow }) => withoutRow),
      [1],
    )
    assert.equal(manifest.rows, 3)
  })

  test('updates and deletes say what they are and what the row was, also when the row now is over the limit', async () => {
    const producer = new FakeProducer()
    const one = publisher(producer)
    const [small, large, before, largeBefore] = [10, 8300, 7, 8300].map(rowOf) as [Buffer, Buffer, Buffer, Buffer]
    const rowId = randomBytes(32)
    one.change('insert', rowId, small, 0, small.length, null)
    one.change('update', rowId, small, 0, small.length, before)
    one.change('update', rowId, large, 0, large.length, before)
    one.change('delete', rowId, null, 0, 0, before)
    one.change('update', rowId, small, 0, small.length, largeBefore)
    one.change('delete', rowId, null, 0, 0, largeBefore)
    await one.finish()
    const seen = producer.sent.map(read)
    const ops = ['insert', 'update', 'update', 'delete', 'update', 'delete']
    assert.deepEqual(
      seen.flatMap((batch) => batch.ops),
      ops,
    )
    assert.deepEqual(
      seen.flatMap(({ withoutRow }) => withoutRow),
      [2, 3, 5],
    )
    const image = before.toString('hex')
    // A row that was over the limit by its key alone was never loaded: its image of NULLs takes nothing away.
    assert.deepEqual(
      seen.flatMap(({ befores }) => befores),
      [null, image, image, image, '00', '00'],
    )
  })

  test('a change that lacks its before-image, or an insert that has one, ends the chunk', () => {
    const one = publisher(new FakeProducer())
    const row = rowOf(5)
    for (const op of ['update', 'delete'] as const)
      assert.throws(() => one.change(op, randomBytes(32), row, 0, row.length, null), /before-image/)
    assert.throws(() => one.change('insert', randomBytes(32), row, 0, row.length, row), /before-image/)
  })

  test('all rows of a lookup table go to one partition, in order', async () => {
    const producer = new FakeProducer()
    const topic = 'changes.postgres.live'
    const target = { topic, schemaId: 42, tableType: 'lookup_table', partitions, beforeColumns: 0 } as const
    const one = publisher(producer, { target })
    for (let n = 0; n < 50; n++) insert(one, 20)
    const manifest = await one.finish()
    assert.equal(new Set(producer.sent.map(({ partition }) => partition)).size, 1)
    assert.equal(Math.max(...manifest.partitionRows), 50)
  })

  test('the reader waits while too much is unacknowledged, and goes on when Kafka has caught up', async () => {
    const producer = new FakeProducer()
    producer.holding = true
    const one = publisher(producer, { limits: { ...limits, unackedBytesMax: 10_000 } })
    let rows = 0
    while (insert(one, 100)) assert.ok(++rows < 1000, 'nothing ever made the reader wait')
    assert.ok(one.unackedBytes >= 10_000 && one.unackedBytes < 20_000)
    assert.equal(one.publishedBytes, 0, 'what is not acknowledged does not count as published')
    let drained = false
    const waiting = one.drained().then(() => {
      drained = true
    })
    await turn()
    assert.equal(drained, false)
    producer.holding = false
    producer.release()
    await waiting
    assert.ok(one.publishedBytes > 0)
  })

  test('before the reader waits for the loader, half-full batches are published', async () => {
    const producer = new FakeProducer()
    const opening = Promise.withResolvers<void>()
    const gate = { closed: false, opened: () => opening.promise }
    const one = publisher(producer, { gate })
    for (let n = 0; n < 6; n++) assert.equal(insert(one, 20), true)
    assert.deepEqual(producer.sent, [])
    gate.closed = true
    assert.equal(insert(one, 20), false)
    let drained = false
    const waiting = one.drained().then(() => {
      drained = true
    })
    await turn()
    assert.equal(drained, false)
    assert.equal(producer.sent.flatMap((message) => read(message).ordinals).length, 7)
    gate.closed = false
    opening.resolve()
    await waiting
  })

  test('a batch that Kafka refuses ends the attempt with its reason, while reading and at the end', async () => {
    const producer = new FakeProducer()
    const one = publisher(producer)
    producer.failure = new Error('message_too_large')
    for (let n = 0; n < 60; n++) insert(one, 10)
    await turn()
    assert.equal(insert(one, 10), false)
    await assert.rejects(one.drained(), /message_too_large/)
    await assert.rejects(one.finish(), /message_too_large/)
  })

  test('a lost lease ends the waiting for Kafka', async () => {
    const producer = new FakeProducer()
    producer.holding = true
    const one = publisher(producer)
    insert(one, 10)
    const finishing = one.finish()
    await turn()
    one.fail(new Error('another extractor has taken this task'))
    await assert.rejects(finishing, /another extractor/)
    producer.release()
  })
})
