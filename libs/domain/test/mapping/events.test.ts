import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reservedEventProperties } from '@millrace/domain/mapping/limits.ts'
import type { EventsMapping } from '@millrace/domain/mapping/mapping.ts'
import { validateMapping } from '@millrace/domain/mapping/validate.ts'
import type { Column, RowSchema } from '@millrace/domain/row-schema.ts'
import fc from 'fast-check'
import { type Cell, cells, rowOf, rowSchema, unicode } from '../rows.ts'
import { mapRow, mapRows, nowMs, updateMessage } from './map-rows.ts'
import { referenceEvent } from './reference.ts'

const fixed: readonly Column[] = [
  { name: 'at', type: 'timestamp', sourceType: 'timestamptz' },
  { name: 'uid', type: 'string', sourceType: 'text' },
  { name: 'did', type: 'integer', sourceType: 'int8' },
  { name: 'what', type: 'string', sourceType: 'text' },
  { name: 'extra', type: 'json', sourceType: 'jsonb' },
]

const goodTime = fc.bigInt({ min: BigInt(Date.UTC(1971)) * 1000n, max: BigInt(nowMs) * 1000n })
const parts: fc.Arbitrary<Cell>[] = [
  fc.oneof({ weight: 8, arbitrary: goodTime }, { weight: 1, arbitrary: cells.timestamp }, fc.constant(null)),
  fc.oneof(fc.uuid(), unicode, fc.constantFrom(null, '', 'NULL', 'Anonymous', 'ok', 'x'.repeat(256))),
  fc.option(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n })),
  fc.oneof({ weight: 6, arbitrary: fc.string({ minLength: 1 }) }, unicode, fc.constantFrom(null, '', 'n'.repeat(256))),
  fc.option(cells.json),
]

type Sample = {
  readonly schema: RowSchema
  readonly mapping: EventsMapping
  readonly rows: readonly (readonly Cell[])[]
}

/** A table of the five fixed columns and random ones, a mapping of it that is valid, and rows. */
const sample: fc.Arbitrary<Sample> = fc
  .tuple(rowSchema, fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean())
  .chain(([random, named, user, device, json, renames]) => {
    const others = random.columns.filter(({ name }) => !fixed.some((column) => column.name === name))
    const schema = { ...random, columns: [...fixed, ...others] }
    const mapping: EventsMapping = {
      tableType: 'events',
      eventName: named ? { column: 'what' } : { value: 'A "name" ✓' },
      time: 'at',
      userId: user ? 'uid' : undefined,
      deviceId: device ? 'did' : undefined,
      jsonProperties: json ? 'extra' : undefined,
      leaveOut: others.map(({ name }) => name).filter((name) => name === '' || reservedEventProperties.includes(name)),
      rename: renames ? { 'a b': 'renamed', uid: 'User "id"' } : undefined,
    }
    const row = fc.tuple(fc.tuple(...parts), rowOf({ ...schema, columns: others })).map((halves) => halves.flat())
    return fc.array(row, { minLength: 1, maxLength: 4 }).map((rows) => ({ schema, mapping, rows }))
  })
  .filter(({ mapping, schema }) => validateMapping(mapping, schema).length === 0)

test('every row becomes the event that the naive mapping makes of it, or a reject with the same reason', () => {
  fc.assert(
    fc.property(sample, ({ schema, mapping, rows }) => {
      const expected = rows.map((row, n) => referenceEvent(mapping, schema, row, n))
      const actual = mapRows({ schema, mapping, rows }).map((outcome) =>
        outcome.kind === 'reject' ? outcome.reject.code : JSON.parse(outcome.body),
      )
      assert.deepEqual(actual, expected)
    }),
    { numRuns: 1500 },
  )
})

test('the same row gives the same bytes, whatever stands around it', () => {
  fc.assert(
    fc.property(sample, ({ schema, mapping, rows }) => {
      assert.deepEqual(updateMessage({ schema, mapping, rows }), updateMessage({ schema, mapping, rows }))
      const alone = mapRow({ schema, mapping, row: rows[0]! })
      assert.deepEqual(mapRows({ schema, mapping, rows })[0], alone)
    }),
    { numRuns: 200 },
  )
})

test('text of any bytes in a text or json column gives valid JSON or a reject, never an exception', () => {
  const schema = { ...tableOf('text', 'string'), columns: [...fixed, ...tableOf('text', 'string').columns] }
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.string().map((text) => Buffer.from(`{"a":"${text}"}`)),
  )
  for (const jsonProperties of ['extra', 'text', undefined]) {
    const mapping: EventsMapping = { tableType: 'events', eventName: { column: 'what' }, time: 'at', jsonProperties }
    fc.assert(
      fc.property(bytes, bytes, bytes, (what, extra, text) => {
        const outcome = mapRow({ schema, mapping, row: [BigInt(nowMs) * 1000n, null, null, what, extra, text] })
        if (outcome.kind === 'update') JSON.parse(outcome.body)
      }),
      { numRuns: 1000 },
    )
  }
})

function tableOf(name: string, type: Column['type']): RowSchema {
  return { table: 'public.t', key: [], columns: [{ name, type, sourceType: type }] }
}
