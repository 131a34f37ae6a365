import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventsMapping } from '@millrace/domain/mapping/mapping.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import type { RejectCode } from '@millrace/domain/wire/batch-header.ts'
import type { Cell } from '../rows.ts'
import { mapRow, mapRows, nowMs, rowIdOf } from './map-rows.ts'

const schema: RowSchema = {
  table: 'public.visits',
  key: [],
  columns: [
    { name: 'at', type: 'timestamp', sourceType: 'timestamptz' },
    { name: 'name', type: 'string', sourceType: 'text' },
    { name: 'user', type: 'string', sourceType: 'text' },
    { name: 'device', type: 'integer', sourceType: 'int8' },
    { name: 'props', type: 'json', sourceType: 'jsonb' },
    { name: 'plan', type: 'string', sourceType: 'text' },
    { name: 'nested', type: 'json', sourceType: 'json' },
    { name: 'price', type: 'decimal', sourceType: 'numeric' },
  ],
}
const mapping: EventsMapping = {
  tableType: 'events',
  eventName: { column: 'name' },
  time: 'at',
  userId: 'user',
  deviceId: 'device',
  jsonProperties: 'props',
}
const good: Readonly<Record<string, Cell>> = {
  at: BigInt(nowMs) * 1000n,
  name: 'Visit',
  user: 'u-1',
  device: 5n,
  props: '{}',
  plan: 'pro',
  nested: '[]',
  price: '1.50',
}

function rowWith(changes: Readonly<Record<string, Cell>>): Cell[] {
  return schema.columns.map(({ name }) => (name in changes ? changes[name]! : good[name]!))
}

const members = (count: number) =>
  JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, n])))
const nestedBy = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
const micros = (ms: number) => BigInt(ms) * 1000n
const bytes = (...values: (string | number[])[]) => Buffer.concat(values.map((value) => Buffer.from(value as string)))

const refused: [string, Readonly<Record<string, Cell>>, RejectCode, string][] = [
  ['no time', { at: null }, 'time_missing', 'at'],
  ['a time in 1970', { at: micros(Date.UTC(1970, 11, 31, 23, 59, 59, 999)) }, 'time_too_early', 'at'],
  ['a time two hours ahead', { at: micros(nowMs + 7_200_000) }, 'time_in_future', 'at'],
  ['the end of time', { at: 2n ** 63n - 1n }, 'time_invalid', 'at'],
  ['the beginning of time', { at: -(2n ** 63n) }, 'time_invalid', 'at'],
  ['NULL ids', { user: null, device: null }, 'id_missing', 'user'],
  ['an empty user id', { user: '' }, 'id_placeholder', 'user'],
  ['a placeholder user id in capitals', { user: 'ANONYMOUS' }, 'id_placeholder', 'user'],
  ['the device 0', { user: null, device: 0n }, 'id_placeholder', 'device'],
  ['a good user on the device -1', { device: -1n }, 'id_placeholder', 'device'],
  ['a user id that would be cut', { user: 'é'.repeat(128) }, 'id_invalid', 'user'],
  ['a NUL character in a user id', { user: 'a\0b' }, 'nul_character', 'user'],
  ['no event name', { name: null }, 'event_name_missing', 'name'],
  ['an empty event name', { name: '' }, 'event_name_missing', 'name'],
  ['a very long event name', { name: 'n'.repeat(256) }, 'event_name_invalid', 'name'],
  ['event JSON over 1 MB', { plan: 'x'.repeat(1024 * 1024) }, 'too_large', ''],
  ['300 properties', { props: members(300) }, 'too_many_properties', ''],
  ['300 properties in a nested object', { nested: members(300) }, 'too_many_properties', 'nested'],
  ['a list of 256', { nested: JSON.stringify(Array(256).fill(0)) }, 'too_many_properties', 'nested'],
  ['broken JSON', { props: '{"a":1' }, 'json_invalid', 'props'],
  ['JSON with something after it', { nested: '1 2' }, 'json_invalid', 'nested'],
  ['an empty json text', { nested: '' }, 'json_invalid', 'nested'],
  ['a number that JSON does not know', { nested: '[01]' }, 'json_invalid', 'nested'],
  ['a control character in a JSON string', { nested: '"\u0001"' }, 'json_invalid', 'nested'],
  ['JSON properties that are a list', { props: '[{"a":1}]' }, 'json_not_object', 'props'],
  ['a NUL character in text', { plan: 'a\0b' }, 'nul_character', 'plan'],
  ['an escaped NUL character in JSON', { props: '{"a":"\\u0000"}' }, 'nul_character', 'props'],
  ['an escaped NUL character in a key', { props: '{"\\u0000":1}' }, 'nul_character', 'props'],
  ['half of a surrogate pair in JSON', { props: '{"a":"\\ud83d"}' }, 'value_invalid', 'props'],
  ['the halves of a pair in the wrong order', { nested: '"\\ude00\\ud83d"' }, 'value_invalid', 'nested'],
  ['text that is no UTF-8', { plan: bytes('a', [0xff]) }, 'value_invalid', 'plan'],
  ['a surrogate in UTF-8', { plan: bytes([0xed, 0xa0, 0x80]) }, 'value_invalid', 'plan'],
  ['an overlong character', { plan: bytes([0xc0, 0xaf]) }, 'value_invalid', 'plan'],
  ['a character that is cut off', { plan: bytes('€').subarray(0, 2) }, 'value_invalid', 'plan'],
  ['JSON nested 1,000 deep', { nested: nestedBy(1000) }, 'too_deep', 'nested'],
  ['JSON nested 100,000 deep', { props: `{"a":${nestedBy(100_000)}}` }, 'too_deep', 'props'],
  ['a decimal that is none', { price: '12,50' }, 'value_invalid', 'price'],
]

for (const [what, changes, code, field] of refused) {
  test(`${what} is the reject ${code}, with the coordinates of the row`, () => {
    const outcomes = mapRows({ schema, mapping, rows: [rowWith({}), rowWith(changes), rowWith({})] })
    const outcome = outcomes[1]!
    assert.equal(outcome.kind, 'reject')
    const { message, ...reject } = outcome.reject
    assert.deepEqual(reject, { rowId: rowIdOf(1).toString('hex'), ordinal: 1, code, field })
    assert.ok(message.length > 10 && message.length < 200)
    assert.equal(outcomes[0]!.kind, 'update')
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['update', 'reject', 'update'],
    )
  })
}

const taken: [string, Readonly<Record<string, Cell>>][] = [
  ['the first moment of 1971', { at: micros(Date.UTC(1971)) }],
  ['an hour ahead', { at: micros(nowMs + 3_600_000) }],
  ['an id of 255 bytes', { user: 'i'.repeat(255) }],
  ['a device alone', { user: null }],
  ['255 properties', { props: members(255 - 10) }],
  ['JSON nested 64 deep', { nested: nestedBy(64) }],
  ['a little less than 1 MB', { plan: 'x'.repeat(1024 * 1024 - 400) }],
  ['a whole surrogate pair, escaped', { nested: '"\\ud83d\\ude00"' }],
]

for (const [what, changes] of taken) {
  test(`${what} is taken`, () => assert.equal(mapRow({ schema, mapping, row: rowWith(changes) }).kind, 'update'))
}

test('an insert without its row is the reject row_too_large', () => {
  const outcome = mapRow({ schema, mapping, row: null })
  assert.equal(outcome.kind === 'reject' && outcome.reject.code, 'row_too_large')
})

test('no reject repeats the value that is wrong', () => {
  const canary = 'canary-5d1f'
  for (const [, changes] of refused) {
    const outcome = mapRow({ schema, mapping, row: rowWith({ plan: canary, ...changes }) })
    assert.doesNotMatch(JSON.stringify(outcome), /canary/)
  }
})
