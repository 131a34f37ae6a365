import assert from 'node:assert/strict'
import { test } from 'node:test'
import { insertId } from '@millrace/domain/identity/insert-id.ts'
import type { EventsMapping } from '@millrace/domain/mapping/mapping.ts'
import type { ColumnType, RowSchema } from '@millrace/domain/row-schema.ts'
import fc from 'fast-check'
import { type Cell, int64 } from '../rows.ts'
import { context, mapRow, mapRows, nowMs, rowIdOf } from './map-rows.ts'

const at = { name: 'at', type: 'timestamp', sourceType: 'timestamptz' } as const

function tableOf(...columns: [string, ColumnType][]): RowSchema {
  return { table: 't', key: [], columns: [at, ...columns.map(([name, type]) => ({ name, type, sourceType: type }))] }
}

function bodyOf(schema: RowSchema, cells: readonly Cell[], mapping: Partial<EventsMapping> = {}): string {
  const whole: EventsMapping = { tableType: 'events', eventName: { value: 'E' }, time: 'at', ...mapping }
  const outcome = mapRow({ schema, mapping: whole, row: [BigInt(nowMs) * 1000n, ...cells] })
  assert.equal(outcome.kind, 'update')
  return outcome.body
}

/** The JSON text that the one column `v` becomes. */
function textOf(type: ColumnType, cell: Cell): string {
  return /,"v":(.*)\}\}$/s.exec(bodyOf(tableOf(['v', type]), [cell]))![1]!
}

function propertiesOf(...args: Parameters<typeof bodyOf>): Record<string, unknown> {
  return JSON.parse(bodyOf(...args)).properties
}

const texts: [ColumnType, Cell, string][] = [
  ['integer', 2n ** 53n - 1n, '9007199254740991'],
  ['integer', 2n ** 53n, '"9007199254740992"'],
  ['integer', -(2n ** 53n) + 1n, '-9007199254740991'],
  ['integer', -(2n ** 53n), '"-9007199254740992"'],
  ['integer', -(2n ** 63n), '"-9223372036854775808"'],
  ['integer', 0n, '0'],
  ['double', -0, '0'],
  ['double', 0.1, '0.1'],
  ['double', 5e-324, '5e-324'],
  ['double', Number.NaN, '"NaN"'],
  ['double', Number.POSITIVE_INFINITY, '"Infinity"'],
  ['double', Number.NEGATIVE_INFINITY, '"-Infinity"'],
  ['decimal', '12.50', '12.5'],
  ['decimal', '-0.00', '0'],
  ['decimal', '.5', '0.5'],
  ['decimal', '5.', '5'],
  ['decimal', '100000000000000000000', '100000000000000000000'],
  ['decimal', '0.123456789012345', '0.123456789012345'],
  ['decimal', '0.1234567890123456', '"0.1234567890123456"'],
  ['decimal', '12345678901234567890.12', '"12345678901234567890.12"'],
  ['decimal', 'NaN', '"NaN"'],
  ['decimal', '-Infinity', '"-Infinity"'],
  ['decimal', '1E+5', '100000'],
  ['decimal', '1e-400', '"1e-400"'],
  ['string', 'é\u2028"\\\n\u0001😀', '"é\u2028\\"\\\\\\n\\u0001😀"'],
  [
    'json',
    ' { "b" : [ 1.0 , 1e400 ] ,\n"a" : 12345678901234567890.123 } ',
    '{"b":[1.0,1e400],"a":12345678901234567890.123}',
  ],
  ['json', '"\\u00e9"', '"\\u00e9"'],
  ['json', 'null', 'null'],
  ['bytes', Buffer.from([0, 255, 1]), '"AP8B"'],
  ['boolean', true, 'true'],
  ['timestamp', 1_700_000_000_000_001n, '"2023-11-14T22:13:20.000001Z"'],
  ['timestamp', -1n, '"1969-12-31T23:59:59.999999Z"'],
  ['timestamp', -62_198_755_200_000_000n, '"-000001-01-01T00:00:00Z"'],
  ['timestamp', 2n ** 63n - 1n, '"infinity"'],
  ['timestamp', -(2n ** 63n), '"-infinity"'],
  ['date', 0, '"1970-01-01"'],
  ['date', 2_932_897, '"+010000-01-01"'],
  ['date', 2 ** 31 - 1, '"infinity"'],
]

for (const [type, cell, text] of texts) {
  test(`${type} ${cell instanceof Uint8Array ? 'bytes' : JSON.stringify(String(cell))} is sent as ${JSON.stringify(text)}`, () =>
    assert.equal(textOf(type, cell), text))
}

test('an integer reads back exactly, as a number or as a string', () => {
  fc.assert(fc.property(int64, (n) => assert.equal(BigInt(JSON.parse(textOf('integer', n))), n)))
})

test('a decimal that is sent as a number has exactly the value of its text', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }), fc.nat(18), (n, scale) => {
      const digits = (n < 0n ? -n : n).toString().padStart(scale + 1, '0')
      const text = `${n < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}.${digits.slice(digits.length - scale)}`
      const sent = textOf('decimal', text)
      if (sent.startsWith('"')) return assert.equal(JSON.parse(sent), text)
      const significant = digits.replace(/^0+|0+$/g, '')
      assert.ok(significant.length <= 15)
      // Printed to as many digits as the text has, the number that a reader gets is the text.
      if (significant !== '')
        assert.equal(
          BigInt(
            Number(sent)
              .toExponential(significant.length - 1)
              .replace(/e.*|\.|-/g, ''),
          ),
          BigInt(significant),
        )
    }),
  )
})

test('keys of the JSON column become properties, and a named column wins over a key, in any spelling, even when it is NULL', () => {
  const schema = tableOf(['plan', 'string'], ['props', 'json'])
  const props = '{"pl\\u0061n":"json","other":[1,{"plan":2}],"time":1,"$insert_id":"x","\\u0074oken":"t"}'
  const properties = (plan: Cell) => propertiesOf(schema, [plan, props], { jsonProperties: 'props' })
  assert.equal(properties('column').plan, 'column')
  assert.ok(!('plan' in properties(null)))
  assert.deepEqual(properties(null).other, [1, { plan: 2 }])
  assert.equal(properties(null).time, nowMs)
  assert.ok(!('token' in properties(null)))
})

test('a key given twice in the JSON column keeps its last value for the reader', () => {
  const schema = tableOf(['props', 'json'])
  assert.equal(propertiesOf(schema, ['{"a":1,"a":2}'], { jsonProperties: 'props' }).a, 2)
})

test('keys that mean something to JavaScript are keys like others', () => {
  const schema = tableOf(['__proto__', 'string'], ['constructor', 'integer'], ['props', 'json'])
  const body = bodyOf(schema, ['p', 1n, '{"hasOwnProperty":1,"__proto__":{"x":2},"toString":null}'], {
    jsonProperties: 'props',
  })
  const properties = JSON.parse(body).properties
  assert.equal(Object.getOwnPropertyDescriptor(properties, '__proto__')?.value, 'p')
  assert.equal(properties.constructor, 1)
  assert.equal(properties.hasOwnProperty, 1)
  assert.equal(body.match(/__proto__/g)?.length, 1)
})

test('columns are renamed, left out, and not sent when they are NULL', () => {
  const schema = tableOf(['a', 'integer'], ['b', 'integer'], ['c', 'integer'])
  const mapping = { leaveOut: ['b'], rename: { a: 'First "a"' } }
  const { 'First "a"': first, ...others } = propertiesOf(schema, [1n, 2n, null], mapping)
  assert.equal(first, 1)
  for (const name of ['a', 'b', 'c']) assert.ok(!(name in others))
})

test('the hidden properties name the sync and the warehouse, and the $insert_id belongs to row and generation alone', () => {
  const schema = tableOf(['n', 'integer'])
  const mapping: EventsMapping = { tableType: 'events', eventName: { value: 'E' }, time: 'at' }
  const rows = [1n, 2n].map((n) => [BigInt(nowMs) * 1000n, n])
  const idsOf = (generation: number) =>
    mapRows({ schema, mapping, rows, context: { ...context, generation } }).map((outcome) => {
      assert.equal(outcome.kind, 'update')
      const { properties } = JSON.parse(outcome.body)
      assert.equal(properties.$warehouse_import_id, 'import-1')
      assert.equal(properties.$warehouse_type, 'postgres')
      return properties.$insert_id
    })
  assert.deepEqual(idsOf(3), [insertId('sync-1', 3, rowIdOf(0)), insertId('sync-1', 3, rowIdOf(1))])
  assert.equal(new Set([...idsOf(3), ...idsOf(4)]).size, 4)
})

test('an event of a device alone has the device for its distinct id, an integer id is its text', () => {
  const schema = tableOf(['user', 'string'], ['device', 'integer'])
  const mapping = { userId: 'user', deviceId: 'device' }
  const alone = propertiesOf(schema, [null, 2n ** 60n], mapping)
  assert.deepEqual(
    [alone.distinct_id, alone.$device_id, alone.$user_id],
    [`$device:${2n ** 60n}`, `${2n ** 60n}`, undefined],
  )
  const both = propertiesOf(schema, ['u', 7n], mapping)
  assert.deepEqual([both.distinct_id, both.$device_id, both.$user_id], ['u', '7', 'u'])
  assert.equal(propertiesOf(schema, [null, null]).distinct_id, '')
})

test('a date is the start of its day', () => {
  const schema: RowSchema = { table: 't', key: [], columns: [{ name: 'day', type: 'date', sourceType: 'date' }] }
  const outcome = mapRow({
    schema,
    mapping: { tableType: 'events', eventName: { value: 'E' }, time: 'day' },
    row: [19_000],
  })
  assert.equal(outcome.kind === 'update' && JSON.parse(outcome.body).properties.time, 19_000 * 86_400_000)
})
