import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { AvroError } from '@millrace/domain/wire/avro-error.ts'
import { avroName } from '@millrace/domain/wire/avro-name.ts'
import { ChangeBatchBuilder, readChangeBatch } from '@millrace/domain/wire/change-batch.ts'
import { changeBatchSchema } from '@millrace/domain/wire/change-schema.ts'
import { compileSkipRow } from '@millrace/domain/wire/skip-row.ts'
import type { ChangeOp } from '@millrace/domain/words.ts'
import fc from 'fast-check'
import { type Cell, encodeRow, record, rowOf, rowSchema } from '../rows.ts'
import { headers, op, rowId, safe } from './arbitraries.ts'
import { avsc } from './avsc.ts'
import { avscHeader } from './avsc-header.ts'
import { beforeOf } from './before-of.ts'

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
