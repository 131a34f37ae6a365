import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { AvroError } from '@millrace/domain/wire/avro-error.ts'
import { avroName } from '@millrace/domain/wire/avro-name.ts'
import { AvroReader } from '@millrace/domain/wire/avro-reader.ts'
import {
  type AvroSchema,
  batchHeaderSchema,
  markerSchema,
  updateBatchSchema,
} from '@millrace/domain/wire/avro-schemas.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import type { BatchHeader, Marker } from '@millrace/domain/wire/batch-header.ts'
import { ChangeBatchBuilder, readChangeBatch } from '@millrace/domain/wire/change-batch.ts'
import { beforeColumnsFromAvro, changeBatchSchema, rowSchemaFromAvro } from '@millrace/domain/wire/change-schema.ts'
import { decodeMarker, encodeMarker } from '@millrace/domain/wire/marker.ts'
import { compileSkipRow } from '@millrace/domain/wire/skip-row.ts'
import { readUpdateBatch, UpdateBatchBuilder } from '@millrace/domain/wire/update-batch.ts'
import type { ChangeOp } from '@millrace/domain/words.ts'
import avro from 'avsc'
import fc from 'fast-check'
import { type Cell, encodeRow, int64, record, rowOf, rowSchema, unicode } from './rows.ts'

/** Longs as bigint, so that the comparison with the other implementation is exact. */
const long = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.alloc(8)
    buffer.writeBigInt64LE(value)
    return buffer
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

function isLong(schema: unknown): boolean {
  return (
    schema === 'long' || (typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long')
  )
}

function avsc(schema: AvroSchema): avro.Type {
  return avro.Type.forSchema(structuredClone(schema) as avro.Schema, {
    wrapUnions: true,
    typeHook: (each) => (isLong(each) ? long : undefined),
  })
}

const int32 = fc.integer()
const safe = fc.oneof(fc.maxSafeInteger(), fc.nat(1000))
const headers: fc.Arbitrary<BatchHeader> = record({
  projectId: unicode,
  syncId: unicode,
  runId: fc.uuid(),
  runSeq: safe,
  generation: int32,
  mappingVersion: int32,
  chunk: int32,
  attempt: int32,
  seq: int32,
  rows: int32,
  bytes: safe,
  traceparent: unicode,
})

function avscHeader(header: BatchHeader): Record<string, unknown> {
  return {
    project_id: header.projectId,
    sync_id: header.syncId,
    run_id: header.runId,
    run_seq: BigInt(header.runSeq),
    generation: header.generation,
    mapping_version: header.mappingVersion,
    chunk: header.chunk,
    attempt: header.attempt,
    seq: header.seq,
    rows: header.rows,
    bytes: BigInt(header.bytes),
    traceparent: header.traceparent,
  }
}

/** The same data with plain prototypes, so that deep equality compares the values alone. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : value
  return Object.fromEntries(Object.keys(value).map((key) => [key, plain((value as Record<string, unknown>)[key])]))
}

const branchNames: Record<string, string> = {
  boolean: 'boolean',
  integer: 'long',
  double: 'double',
  bytes: 'bytes',
  timestamp: 'long',
  date: 'int',
}

function avscRow(schema: RowSchema, row: readonly Cell[]): Record<string, unknown> {
  return Object.fromEntries(
    schema.columns.map(({ name, type }, i) => {
      const cell = row[i] instanceof Uint8Array ? Buffer.from(row[i]) : row[i]
      return [avroName(name), cell === null ? null : { [branchNames[type] ?? 'string']: cell }]
    }),
  )
}

const rowId = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
const op = fc.constantFrom('insert' as const, 'update' as const, 'delete' as const)

describe('the Avro primitives', () => {
  it('write and read every 64-bit integer like another implementation', () => {
    const type = avsc('long')
    fc.assert(
      fc.property(int64, (value) => {
        const writer = new AvroWriter(1)
        writer.writeLong(value)
        assert.deepEqual(writer.take(), type.toBuffer(value))
        const halves = new AvroWriter(1)
        halves.writeLongHiLo(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asUintN(32, value)))
        assert.deepEqual(halves.take(), writer.take())
        const read = new AvroReader(writer.take()).readLong()
        assert.equal(BigInt(read), value)
        assert.equal(typeof read, Number.isSafeInteger(Number(value)) ? 'number' : 'bigint')
        if (typeof read === 'number') {
          const number = new AvroWriter(1)
          number.writeLong(read)
          assert.deepEqual(number.take(), writer.take())
        }
        const skipped = new AvroReader(writer.take())
        skipped.skipLong()
        assert.equal(skipped.offset, writer.length)
      }),
      { numRuns: 5000 },
    )
  })

  it('turn a big-endian double round', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        const source = Buffer.alloc(8)
        source.writeDoubleBE(value)
        const writer = new AvroWriter(1)
        writer.writeDoubleFromBigEndian(source, 0)
        assert.ok(Object.is(new AvroReader(writer.take()).readDouble(), value))
      }),
    )
  })

  it('name any text legally, each differently', () => {
    fc.assert(
      fc.property(unicode, unicode, (a, b) => {
        assert.match(avroName(a), /^[A-Za-z_][A-Za-z0-9_]*$/)
        assert.equal(avroName(a) === avroName(b), a === b)
      }),
      { numRuns: 3000 },
    )
    const hostile = [
      '',
      '_',
      '_x',
      '_x_',
      'x',
      '__',
      '_x5f_',
      '_x5f_x',
      '1',
      '_1',
      '_x31_',
      'é',
      '_xe9_',
      'éx',
      'e x',
      '__proto__',
    ]
    assert.equal(new Set(hostile.map(avroName)).size, hostile.length)
  })
})

describe('the schemas', () => {
  for (const [file, schema] of [
    ['update-batch', updateBatchSchema],
    ['marker', markerSchema],
  ] as const) {
    it(`are the same in code and in schemas/${file}.avsc`, () => {
      assert.deepEqual(
        schema,
        JSON.parse(readFileSync(new URL(`../../../schemas/${file}.avsc`, import.meta.url), 'utf8')),
      )
    })
  }

  it('of a table without columns has the shape of schemas/change-batch.avsc', () => {
    const template = JSON.parse(readFileSync(new URL('../../../schemas/change-batch.avsc', import.meta.url), 'utf8'))
    const made = structuredClone(
      changeBatchSchema({ table: 'TABLE', columns: [], key: [] }, template.namespace),
    ) as typeof template
    made.doc = template.doc
    const row = made.fields[1].type.items.fields[3].type[1]
    delete row.table
    delete row.key
    assert.deepEqual(made, template)
    assert.deepEqual(made.fields[0].type, batchHeaderSchema)
  })

  it('carry the row schema there and back, whatever the names', () => {
    fc.assert(
      fc.property(rowSchema, (schema) => {
        const before = beforeOf(schema).columns
        const json = JSON.parse(JSON.stringify(changeBatchSchema(schema, 'millrace.changes.t', before)))
        assert.deepEqual(rowSchemaFromAvro(json), schema)
        assert.deepEqual(beforeColumnsFromAvro(json), before)
        assert.deepEqual(beforeColumnsFromAvro(changeBatchSchema(schema, 'millrace.changes.t')), [])
      }),
    )
  })

  it('with before-images or another choice of them read what was written without', () => {
    // The other implementation cannot resolve every name that it can read.
    const resolvable = rowSchema.map((schema) => ({
      ...schema,
      columns: schema.columns.map((column, n) => ({ ...column, name: `column ${n}` })),
    }))
    fc.assert(
      fc.property(resolvable, fc.array(rowId, { maxLength: 3 }), headers, (schema, rowIds, header) => {
        const old = avsc(changeBatchSchema(schema, 'millrace.changes.t'))
        const some = avsc(changeBatchSchema(schema, 'millrace.changes.t', beforeOf(schema).columns))
        const all = avsc(changeBatchSchema(schema, 'millrace.changes.t', schema.columns))
        const builder = new ChangeBatchBuilder()
        rowIds.forEach((id, n) => {
          builder.append('delete', n, id, null)
        })
        const bytes = builder.finish(header)
        for (const [reader, writer] of [
          [some, old],
          [all, some],
          [some, all],
        ] as const)
          assert.equal(reader.fromBuffer(bytes, reader.createResolver(writer)).changes.length, rowIds.length)
      }),
      { numRuns: 50 },
    )
  })

  it('of updates with retract read what was written before there was one', () => {
    const before = JSON.parse(JSON.stringify(updateBatchSchema).replace(',"retract"', ''))
    assert.notDeepEqual(before, updateBatchSchema)
    const builder = new UpdateBatchBuilder()
    builder.append('delete', 1, Buffer.alloc(32), null, Buffer.from('{}'))
    const header = { ...fc.sample(headers, { numRuns: 1, seed: 7 })[0]!, rows: 1 }
    const reader = avsc(updateBatchSchema)
    const read = reader.fromBuffer(builder.finish(header, 'events'), reader.createResolver(avsc(before)))
    assert.equal(read.updates[0].op, 'delete')
  })

  it('that are no change batch are refused', () => {
    for (const other of [null, 'string', [], {}, updateBatchSchema, markerSchema])
      assert.throws(() => rowSchemaFromAvro(other), AvroError)
  })
})

/** The half of a table that its before-images hold. */
function beforeOf(schema: RowSchema): RowSchema {
  return { ...schema, columns: schema.columns.filter((_, i) => i % 2 === 1).reverse() }
}

type SampleChange = {
  readonly op: ChangeOp
  readonly ordinal: number
  readonly rowId: Buffer
  readonly row: readonly Cell[] | null
  readonly before: readonly Cell[] | null
}

function append(builder: ChangeBatchBuilder, schema: RowSchema, change: SampleChange): void {
  const row = change.row && encodeRow(schema, change.row)
  const before = change.before && encodeRow(beforeOf(schema), change.before)
  builder.append(change.op, change.ordinal, change.rowId, row, 0, row?.length ?? 0, before)
}

describe('a change batch', () => {
  const batches = rowSchema.chain((schema) =>
    record({
      schema: fc.constant(schema),
      header: headers,
      changes: fc.array(
        record({
          op,
          ordinal: safe,
          rowId,
          row: fc.option(rowOf(schema), { nil: null, freq: 6 }),
          before: fc.option(rowOf(beforeOf(schema)), { nil: null, freq: 2 }),
        }),
        { maxLength: 5 },
      ),
    }),
  )

  it('is read by another Avro implementation, and reads what that one writes', () => {
    fc.assert(
      fc.property(batches, ({ schema, header, changes }) => {
        const before = beforeOf(schema)
        const type = avsc(changeBatchSchema(schema, 'millrace.changes.t', before.columns))
        const builder = new ChangeBatchBuilder()
        for (const change of changes) append(builder, schema, change)
        assert.equal(builder.rows, changes.length)
        const body = builder.bytes
        const bytes = builder.finish(header)
        const expected = {
          header: avscHeader({ ...header, rows: changes.length, bytes: body }),
          changes: changes.map((change) => ({
            op: change.op,
            ordinal: BigInt(change.ordinal),
            row_id: change.rowId,
            row: change.row === null ? null : { 'millrace.changes.t.Row': avscRow(schema, change.row) },
            before: change.before === null ? null : { 'millrace.changes.t.Before': avscRow(before, change.before) },
          })),
        }
        assert.deepEqual(plain(type.fromBuffer(bytes)), plain(expected))
        assert.deepEqual(bytes, type.toBuffer(expected))

        const framed = Buffer.concat([Buffer.alloc(5), bytes])
        const cursor = readChangeBatch(framed, 5, compileSkipRow(schema), compileSkipRow(before))
        assert.deepEqual(cursor.header, { ...header, rows: changes.length, bytes: body })
        for (const change of changes) {
          assert.ok(cursor.next())
          assert.equal(cursor.op, change.op)
          assert.equal(cursor.ordinal, change.ordinal)
          assert.deepEqual(cursor.buffer.subarray(cursor.rowIdStart, cursor.rowIdStart + 32), change.rowId)
          if (change.row === null) assert.equal(cursor.rowStart, -1)
          else assert.deepEqual(cursor.buffer.subarray(cursor.rowStart, cursor.rowEnd), encodeRow(schema, change.row))
          if (change.before === null) assert.equal(cursor.beforeStart, -1)
          else
            assert.deepEqual(
              cursor.buffer.subarray(cursor.beforeStart, cursor.beforeEnd),
              encodeRow(before, change.before),
            )
        }
        assert.equal(cursor.next(), false)
      }),
      { numRuns: 300 },
    )
  })

  it('that is cut or garbled is refused with AvroError, never read past its end', () => {
    fc.assert(
      fc.property(
        batches,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(255),
        fc.boolean(),
        ({ schema, header, changes }, where, byte, cut) => {
          const builder = new ChangeBatchBuilder()
          for (const change of changes) append(builder, schema, change)
          let bytes = builder.finish(header)
          const at = Math.floor(where * (bytes.length - 1))
          if (cut) bytes = bytes.subarray(0, at)
          else bytes[at] = byte
          let seen = 0
          try {
            const cursor = readChangeBatch(bytes, 0, compileSkipRow(schema), compileSkipRow(beforeOf(schema)))
            while (cursor.next() && ++seen < 1e4) assert.ok(cursor.rowEnd <= bytes.length)
            assert.equal(cut, false)
          } catch (error) {
            assert.ok(error instanceof AvroError, String(error))
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('an update batch', () => {
  const batches = record({
    header: headers,
    tableType: fc.constantFrom(
      'events' as const,
      'user_profiles' as const,
      'group_profiles' as const,
      'lookup_table' as const,
    ),
    filtered: fc.nat(20),
    rejects: fc.array(
      record({
        rowId,
        ordinal: safe,
        code: fc.constantFrom('id_missing' as const, 'too_large' as const),
        field: unicode,
        message: unicode,
      }),
      { maxLength: 3 },
    ),
    updates: fc.array(
      record({
        op: fc.oneof(op, fc.constant('retract' as const)),
        ordinal: safe,
        rowId,
        key: fc.option(unicode, { nil: null }),
        body: fc.oneof(
          fc.uint8Array({ maxLength: 100 }),
          fc.constantFrom(0, 63, 64, 8191, 8192, 1 << 20).map((size) => new Uint8Array(size).fill(65)),
        ),
      }),
      { maxLength: 5 },
    ),
  })

  it('is read by another Avro implementation, and reads what that one writes', () => {
    const type = avsc(updateBatchSchema)
    const builder = new UpdateBatchBuilder()
    fc.assert(
      fc.property(batches, ({ header, tableType, filtered, rejects, updates }) => {
        for (let i = 0; i < filtered; i++) builder.filter()
        for (const each of rejects) builder.reject(each.rowId, 0, each.ordinal, each.code, each.field, each.message)
        for (const each of updates) {
          builder.begin('insert', 1, each.rowId, 0, null, 0, 0)
          builder.writer.writeRaw(each.body, 0, Math.min(5, each.body.length))
          builder.abandon()
          builder.append(each.op, each.ordinal, each.rowId, each.key, each.body)
        }
        const bytes = builder.finish(header, tableType)
        const expected = {
          header: avscHeader(header),
          table_type: tableType,
          filtered,
          rejects: rejects.map(({ rowId, ordinal, ...rest }) => ({ row_id: rowId, ordinal: BigInt(ordinal), ...rest })),
          updates: updates.map((each) => ({
            op: each.op,
            ordinal: BigInt(each.ordinal),
            row_id: each.rowId,
            key: each.key === null ? null : { string: each.key },
            body: Buffer.from(each.body),
          })),
        }
        assert.ok(bytes.equals(type.toBuffer(expected)))
        const cursor = readUpdateBatch(Buffer.concat([Buffer.alloc(5), bytes]), 5)
        assert.deepEqual(cursor.header, header)
        assert.equal(cursor.tableType, tableType)
        assert.equal(cursor.filtered, filtered)
        assert.deepEqual(
          cursor.rejects,
          rejects.map((each) => ({ ...each, rowId: each.rowId.toString('hex') })),
        )
        for (const each of updates) {
          assert.ok(cursor.next())
          assert.equal(cursor.op, each.op)
          assert.equal(cursor.ordinal, each.ordinal)
          assert.deepEqual(cursor.rowId(), each.rowId)
          assert.equal(cursor.key(), each.key)
          assert.ok(cursor.body().equals(each.body))
        }
        assert.equal(cursor.next(), false)
      }),
      { numRuns: 150 },
    )
  })
})

describe('a marker', () => {
  it('is read by another Avro implementation, and reads what that one writes', () => {
    const type = avsc(markerSchema)
    const markers: fc.Arbitrary<Marker> = record({
      kind: fc.constantFrom('run_open' as const, 'run_end' as const),
      projectId: unicode,
      syncId: unicode,
      runId: fc.uuid(),
      runSeq: safe,
      generation: int32,
      mappingVersion: int32,
      epoch: int32,
      rows: safe,
      batches: safe,
    })
    fc.assert(
      fc.property(markers, (marker) => {
        const bytes = encodeMarker(marker)
        const other = type.toBuffer({
          kind: marker.kind,
          project_id: marker.projectId,
          sync_id: marker.syncId,
          run_id: marker.runId,
          run_seq: BigInt(marker.runSeq),
          generation: marker.generation,
          mapping_version: marker.mappingVersion,
          epoch: marker.epoch,
          rows: BigInt(marker.rows),
          batches: BigInt(marker.batches),
        })
        assert.deepEqual(bytes, other)
        assert.deepEqual(decodeMarker(Buffer.concat([Buffer.alloc(5), bytes]), 5), marker)
      }),
    )
  })
})
