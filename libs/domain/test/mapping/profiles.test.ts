import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupProfilesMapping, UserProfilesMapping } from '@millrace/domain/mapping/mapping.ts'
import { propertyColumns } from '@millrace/domain/mapping/parts.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import type { ChangeOp } from '@millrace/domain/words.ts'
import fc from 'fast-check'
import { type Cell, rowOf, rowSchema } from '../rows.ts'
import { mapRow } from './map-rows.ts'
import { expectedValue } from './reference.ts'

const schema: RowSchema = {
  table: 'public.people',
  key: ['id'],
  columns: [
    { name: 'id', type: 'string', sourceType: 'text' },
    { name: 'name', type: 'string', sourceType: 'text' },
    { name: 'age', type: 'integer', sourceType: 'int8' },
    { name: 'props', type: 'json', sourceType: 'jsonb' },
  ],
}
const user: UserProfilesMapping = {
  tableType: 'user_profiles',
  profileKind: 'standard',
  userId: 'id',
  jsonProperties: 'props',
}
const group: GroupProfilesMapping = {
  tableType: 'group_profiles',
  profileKind: 'standard',
  groupKey: 'company "A"',
  groupId: 'id',
}

function update(mapping: UserProfilesMapping | GroupProfilesMapping, row: Cell[], op: ChangeOp = 'insert') {
  const outcome = mapRow({ mapping, schema, row, op })
  assert.equal(outcome.kind, 'update')
  return { key: outcome.key, body: JSON.parse(outcome.body) }
}

test('a row sets the properties of its user, and NULL columns stay as they are', () => {
  assert.deepEqual(update(user, ['u"1', 'Ann', null, '{"plan":"pro","age":9,"x":null}']), {
    key: 'u"1',
    body: { $distinct_id: 'u"1', $set: { name: 'Ann', plan: 'pro', x: null } },
  })
})

test('NULL columns are unset when the mapping says so', () => {
  const unset: UserProfilesMapping = { ...user, nulls: 'unset', rename: { age: 'Age "y"' } }
  const { body } = update(unset, ['u1', null, null, null])
  assert.deepEqual(body, { $distinct_id: 'u1', $set: {}, $unset: ['name', 'Age "y"'] })
  assert.deepEqual(update(unset, ['u1', 'A', 1n, null]).body, { $distinct_id: 'u1', $set: { name: 'A', 'Age "y"': 1 } })
})

test('a deleted row deletes its profile', () => {
  assert.deepEqual(update(user, ['u1', 'Ann', 1n, null], 'delete').body, { $distinct_id: 'u1', $delete: '' })
  const { body } = update(group, ['g1', null, null, null], 'delete')
  assert.deepEqual(body, { $group_key: 'company "A"', $group_id: 'g1', $delete: '' })
})

test('a group may have a name that no user may have', () => {
  const { key, body } = update(group, ['0', 'Acme', 5n, '[1]'])
  assert.equal(key, '0')
  assert.deepEqual(body, { $group_key: 'company "A"', $group_id: '0', $set: { name: 'Acme', age: 5, props: [1] } })
  const outcome = mapRow({ mapping: user, schema, row: ['0', null, null, null] })
  assert.equal(outcome.kind === 'reject' && outcome.reject.code, 'id_placeholder')
})

for (const [what, row, code] of [
  ['no id', [null, null, null, null], 'id_missing'],
  ['an empty id', ['', null, null, null], 'id_missing'],
  ['a NUL character in the id', ['a\0', null, null, null], 'nul_character'],
  ['a NUL character in a property', ['g', 'a\0', null, null], 'nul_character'],
  ['an update over 1 MB', ['g', 'x'.repeat(2 ** 20), null, null], 'too_large'],
] as [string, Cell[], string][]) {
  test(`a group profile with ${what} is the reject ${code}`, () => {
    const outcome = mapRow({ mapping: group, schema, row })
    assert.equal(outcome.kind === 'reject' && outcome.reject.code, code)
  })
}

test('more than 2,000 properties are too many', () => {
  const of = (count: number) =>
    JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, n])))
  assert.equal(mapRow({ mapping: user, schema, row: ['u', null, null, of(2000)] }).kind, 'update')
  const outcome = mapRow({ mapping: user, schema, row: ['u', null, null, of(2001)] })
  assert.equal(outcome.kind === 'reject' && outcome.reject.code, 'too_many_properties')
})

test('any row sets what the naive mapping sets, or is a reject', () => {
  const id = { name: 'the id', type: 'string', sourceType: 'text' } as const
  const sample = rowSchema
    .map((random) => ({
      ...random,
      columns: [id, ...random.columns.filter(({ name }) => name !== '' && name !== id.name)],
    }))
    .chain((table) => fc.tuple(fc.constant(table), rowOf({ ...table, columns: table.columns.slice(1) })))
  const mapping: UserProfilesMapping = {
    tableType: 'user_profiles',
    profileKind: 'standard',
    userId: id.name,
    nulls: 'unset',
  }
  fc.assert(
    fc.property(sample, ([table, rest]) => {
      const row: Cell[] = ['someone', ...rest]
      const outcome = mapRow({ mapping, schema: table, row })
      const columns = propertyColumns(mapping, table)
      const isNull = ({ index }: { index: number }) => row[index] === null
      let $set: Record<string, unknown>
      try {
        $set = Object.fromEntries(
          columns
            .filter((each) => !isNull(each))
            .map(({ index, property }) => [property, expectedValue(table.columns[index]!.type, row[index]!)]),
        )
      } catch (error) {
        assert.equal(outcome.kind === 'reject' && outcome.reject.code, (error as { code: string }).code)
        return
      }
      assert.equal(outcome.kind, 'update')
      const unset = columns.filter(isNull).map(({ property }) => property)
      const expected = { $distinct_id: 'someone', $set, ...(unset.length > 0 ? { $unset: unset } : {}) }
      assert.deepEqual(JSON.parse(outcome.body), expected)
    }),
    { numRuns: 500 },
  )
})
