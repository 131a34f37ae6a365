import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookupHeader } from '@millrace/domain/mapping/lookup-transform.ts'
import type { LookupTableMapping } from '@millrace/domain/mapping/mapping.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import fc from 'fast-check'
import { type Cell, unicode } from '../rows.ts'
import { mapRow } from './map-rows.ts'

const mapping: LookupTableMapping = { tableType: 'lookup_table', lookupTableId: 'airports', id: 'code' }

function tableOf(
  ...types: ('string' | 'integer' | 'decimal' | 'json' | 'bytes' | 'timestamp' | 'boolean')[]
): RowSchema {
  const columns = types.map((type, n) => ({ name: `c${n}`, type, sourceType: type }))
  return {
    table: 'airports',
    key: ['code'],
    columns: [{ name: 'code', type: 'string', sourceType: 'text' }, ...columns],
  }
}

function lineOf(schema: RowSchema, row: Cell[]): string {
  const outcome = mapRow({ mapping, schema, row })
  assert.equal(outcome.kind, 'update')
  assert.equal(outcome.key, row[0])
  return outcome.body
}

/** A reader of RFC 4180 that knows an empty field from a quoted empty text. */
function parseLine(line: string): (string | null)[] {
  const fields: (string | null)[] = []
  let at = 0
  for (;;) {
    if (line[at] === '"') {
      let text = ''
      for (at++; line[at] !== '"' || line[at + 1] === '"'; at++) {
        if (at >= line.length) throw new Error('a quote is not closed')
        if (line[at] === '"') at++
        text += line[at]
      }
      fields.push(text)
      at++
    } else {
      const end = line.indexOf(',', at) < 0 ? line.length : line.indexOf(',', at)
      const text = line.slice(at, end)
      assert.doesNotMatch(text, /["\r\n]/)
      fields.push(text === '' ? null : text)
      at = end
    }
    if (at === line.length) return fields
    assert.equal(line[at++], ',')
  }
}

const tricky = fc.oneof(
  unicode,
  fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', ' ', 'a', 'é'), maxLength: 8 }),
)

test('a CSV reader gets back every text, and knows NULL from the empty text', () => {
  const text = tricky.filter((each) => !each.includes('\0'))
  const id = text.filter((each) => each !== '' && Buffer.byteLength(each) <= 255)
  fc.assert(
    fc.property(id, fc.array(fc.option(text), { maxLength: 5 }), (code, cells) => {
      const schema = tableOf(...cells.map(() => 'string' as const))
      assert.deepEqual(parseLine(lineOf(schema, [code, ...cells])), [code, ...cells])
    }),
    { numRuns: 1000 },
  )
})

test('values of all types keep their exact text', () => {
  const schema = tableOf('integer', 'decimal', 'json', 'bytes', 'timestamp', 'boolean')
  const row: Cell[] = ['JFK', 2n ** 60n, '12.50', '{"a": "b"}', Buffer.from([255]), 1_500_000n, false]
  const line = 'JFK,1152921504606846976,12.50,"{""a"": ""b""}",/w==,1970-01-01T00:00:01.500000Z,false'
  assert.equal(lineOf(schema, row), line)
})

test('the header names the columns of the lines, the id first', () => {
  const schema = tableOf('string', 'string', 'string')
  const renamed = { ...mapping, rename: { code: 'Code, "IATA"', c1: 'City' }, leaveOut: ['c0'] }
  assert.equal(lookupHeader(renamed, schema), '"Code, ""IATA""",City,c2')
  const outcome = mapRow({ mapping: renamed, schema, row: ['A', 'x', 'y', null] })
  assert.equal(outcome.kind === 'update' && outcome.body, 'A,y,')
})

for (const [what, row, code] of [
  ['no id', [null, ''], 'id_missing'],
  ['an empty id', ['', ''], 'id_missing'],
  ['an id that would be cut', ['x'.repeat(256), ''], 'id_invalid'],
  ['a NUL character', ['A', 'a\0b'], 'nul_character'],
  ['text that is no UTF-8', ['A', Buffer.from([0xff])], 'value_invalid'],
] as [string, Cell[], string][]) {
  test(`a lookup row with ${what} is the reject ${code}`, () => {
    const outcome = mapRow({ mapping, schema: tableOf('string'), row })
    assert.equal(outcome.kind === 'reject' && outcome.reject.code, code)
  })
}
