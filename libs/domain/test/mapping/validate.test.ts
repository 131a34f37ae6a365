import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileMapping, MappingError } from '@millrace/domain/mapping/compile.ts'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import { validateMapping } from '@millrace/domain/mapping/validate.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { context } from './map-rows.ts'

const schema: RowSchema = {
  table: 'public.orders',
  key: ['id'],
  columns: [
    { name: 'id', type: 'integer', sourceType: 'bigint' },
    { name: 'created_at', type: 'timestamp', sourceType: 'timestamp with time zone' },
    { name: 'kind', type: 'string', sourceType: 'text' },
    { name: 'user_id', type: 'string', sourceType: 'text' },
    { name: 'details', type: 'json', sourceType: 'jsonb' },
    { name: 'time', type: 'string', sourceType: 'text' },
  ],
}
const events = { tableType: 'events', eventName: { column: 'kind' }, time: 'created_at', leaveOut: ['time'] } as const
const users = { tableType: 'user_profiles', profileKind: 'standard', userId: 'user_id' } as const

const wrong: [string, Mapping, string, string, RegExp][] = [
  ['a column that is not there', { ...events, userId: 'userid' }, 'userId', 'column_missing', /Did you mean "user_id"/],
  ['a column unlike all others', { ...events, time: 'zzz' }, 'time', 'column_missing', /Its columns: "id"/],
  ['a time of text', { ...events, time: 'kind', eventName: { value: 'x' } }, 'time', 'column_type', /"created_at"/],
  ['an id of time', { ...users, userId: 'created_at' }, 'userId', 'column_type', /"id", "kind"/],
  [
    'one column for two parts',
    { ...events, userId: 'id', deviceId: 'id' },
    'deviceId',
    'column_twice',
    /column of its own/,
  ],
  ['a missing column left out', { ...events, leaveOut: ['time', 'tmie'] }, 'leaveOut.1', 'column_missing', /"time"/],
  ['a missing column renamed', { ...events, rename: { nope: 'x' } }, 'rename.nope', 'column_missing', /columns/],
  ['a reserved name', { ...events, leaveOut: [] }, 'rename', 'name_reserved', /"time_value"/],
  ['two columns of one name', { ...events, rename: { id: 'user_id' } }, 'rename', 'name_twice', /another name/],
  ['an empty name', { ...events, rename: { id: '' } }, 'rename.id', 'name_empty', /name/],
  ['no event name', { ...events, eventName: { value: '' } }, 'eventName.value', 'value_empty', /value/],
  [
    'a long event name',
    { ...events, eventName: { value: 'x'.repeat(256) } },
    'eventName.value',
    'value_too_long',
    /Shorten/,
  ],
  [
    'a start time of a standard profile',
    { ...users, startTime: 'created_at' },
    'startTime',
    'start_time_not_allowed',
    /history/,
  ],
  [
    'a history profile without start time',
    { ...users, profileKind: 'history', leaveOut: ['details'] },
    'startTime',
    'start_time_missing',
    /"created_at"/,
  ],
  [
    'a history profile with objects',
    { ...users, profileKind: 'history', startTime: 'created_at' },
    'leaveOut',
    'history_nested',
    /view/,
  ],
]

for (const [what, mapping, path, code, hint] of wrong) {
  test(`${what} is refused with ${code} at ${path}, and a hint`, () => {
    const problems = validateMapping(mapping, schema)
    const problem = problems.find((each) => each.code === code)
    assert.ok(problem, JSON.stringify(problems))
    assert.equal(problem.path, path)
    assert.match(problem.hint, hint)
    assert.throws(() => compileMapping({ mapping, schema, context }), MappingError)
  })
}

test('a mapping that fits has no problems', () => {
  assert.deepEqual(validateMapping({ ...events, userId: 'user_id', jsonProperties: 'details' }, schema), [])
  assert.deepEqual(validateMapping({ ...users, nulls: 'unset' }, schema), [])
})
