import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { type Column, columnTypes } from '@millrace/domain/row-schema.ts'
import { RowEncoder } from '@millrace/warehouses/redshift/row-encoder.ts'
import { RowLines } from '@millrace/warehouses/redshift/row-lines.ts'
import { type TypeRuleName, typeRules } from '@millrace/warehouses/redshift/types.ts'
import fc from 'fast-check'
import { CollectingSink, type Value } from './collecting-sink.ts'

const rules: readonly TypeRuleName[] = [
  'boolean',
  'integer',
  'double',
  'decimal',
  'string',
  'json',
  'timestamp',
  'date',
]
const columns: readonly Column[] = rules.map((rule) => ({
  name: rule,
  type: typeRules[rule].column,
  sourceType: rule,
}))

const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const near = fc.constantFrom(0n, -1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 53n), 999_999_999_999_999n)
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }).filter((each) => each.isWellFormed()),
  fc.string({ unit: fc.constantFrom('\\', '|', '\n', '\r', '~', '"', "'", 'N', 'a', ' ', '\0'), maxLength: 8 }),
  fc.constantFrom('', '~', '~~', '\\N', 'NULL'),
)
const values: readonly fc.Arbitrary<Value>[] = [
  fc.boolean(),
  fc.oneof(int64, near),
  fc.oneof(fc.double(), fc.constantFrom(-0, 0.1, 5e-324, Number.NaN, Infinity, -Infinity)),
  fc.constantFrom('12.50', '0', '-0.001', '99999999999999999999999999999999999.9'),
  text,
  fc.json({ maxDepth: 2 }),
  fc.oneof(int64, near),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
]
const row = fc.tuple(...values.map((each) => fc.option(each, { nil: null, freq: 4 })))

/** The documented form of UNLOAD with ESCAPE, of values that statements.ts has marked. */
function fieldOf(value: Value, i: number): string {
  if (value === null) return ''
  if (typeof value === 'boolean') return value ? 't' : 'f'
  if (typeof value === 'number' && i === 2) return Object.is(value, -0) ? '-0' : String(value)
  const plain = String(value)
  const isText = columns[i]!.type === 'string' || columns[i]!.type === 'json'
  const marked = isText && (plain === '' || plain.startsWith('~')) ? `~${plain}` : plain
  return marked.replace(/[\\|\n\r]/g, '\\$&')
}

function expectedId(all: readonly Value[]): string {
  const encoder = new CanonicalEncoder()
  all.forEach((value, i) => {
    if (value === null) encoder.addNull()
    else if (typeof value === 'boolean') encoder.addBoolean(value)
    else if (i === 1) encoder.addInteger(value as bigint)
    else if (i === 2) encoder.addDouble(value as number)
    else if (i === 6) encoder.addTimestamp(value as bigint)
    else if (i === 7) encoder.addDate(value as number)
    else {
      const bytes = Buffer.from(value as string)
      encoder.addBytes(i === 3 ? 'm' : i === 4 ? 's' : 'j', bytes, 0, bytes.length)
    }
  })
  return encoder.digest(true).toString('hex')
}

describe('the rows of an unloaded file', () => {
  it('are what Redshift was given, with their ids, however the bytes are cut', () => {
    assert.ok(rules.length === columnTypes.length - 1, 'all types but bytes')
    fc.assert(
      fc.property(fc.array(row, { maxLength: 12 }), fc.integer({ min: 1, max: 40 }), (rows, cut) => {
        const file = Buffer.from(rows.map((each) => `${each.map(fieldOf).join('|')}\n`).join(''))
        const lines = new RowLines(rules.length, 16)
        const encoder = new RowEncoder(rules, [])
        const sink = new CollectingSink({ table: 't', columns, key: [] })
        for (let at = 0; at < file.length; at += cut) {
          lines.add(file.subarray(at, at + cut))
          while (lines.next()) {
            encoder.encode(lines, 0)
            encoder.identify(lines, 0)
            sink.insert(encoder.rowId, encoder.writer.buffer, 0, encoder.writer.length)
          }
        }
        lines.finish()
        assert.deepEqual(
          sink.rows.map(({ values: read }) => read),
          rows,
        )
        assert.deepEqual(
          sink.rows.map(({ id }) => id),
          rows.map(expectedId),
        )
      }),
      { numRuns: 500 },
    )
  })

  it('are refused when they have other fields than were asked for, or end in the middle', () => {
    const read = (file: string, fields: number) => {
      const lines = new RowLines(fields)
      lines.add(Buffer.from(file))
      while (lines.next());
      lines.finish()
    }
    read('a|b\n\\\n|\n', 2)
    assert.throws(() => read('a|b\n', 3), { code: 'protocol_error' })
    assert.throws(() => read('a|b\n', 1), { code: 'protocol_error' })
    assert.throws(() => read('a|b\na', 2), { code: 'protocol_error' })
    assert.throws(() => read('a\\\n', 1), { code: 'protocol_error' })
  })

  it('become valid UTF-8 when Redshift holds bytes that are none', () => {
    const lines = new RowLines(1)
    lines.add(Buffer.from([0x61, 0xff, 0x62, 0x0a]))
    assert.ok(lines.next())
    const encoder = new RowEncoder(['string'], [])
    encoder.encode(lines, 0)
    assert.equal(encoder.writer.take().subarray(2).toString(), 'a\ufffdb')
  })
})
