import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import type { Field } from '@millrace/testkit/bigquery/rest-values.ts'
import { type BigQuerySource, field, readAll, requestFor, signal, startSource } from './bigquery-source.ts'
import type { Value } from './collecting-sink.ts'

const noon = 1_704_110_400_000_000n

/** One line per type: its field, a value in the stand-in's SQL, and what a change record holds. */
const types: readonly (readonly [Field, string, Value])[] = [
  [field('b', 'BOOLEAN'), 'true', true],
  [field('i', 'INTEGER'), '(-9223372036854775808)::BIGINT', -9223372036854775808n],
  [field('f', 'FLOAT'), '0.1::DOUBLE', 0.1],
  [field('nan', 'FLOAT'), "'NaN'::DOUBLE", Number.NaN],
  [field('inf', 'FLOAT'), "'-inf'::DOUBLE", Number.NEGATIVE_INFINITY],
  [field('zero', 'FLOAT'), "'-0'::DOUBLE", -0],
  [field('n', 'NUMERIC'), '12.50', '12.5'],
  [field('bn', 'BIGNUMERIC'), '1234567890.000000000123456', '1234567890.000000000123456'],
  [field('s', 'STRING'), "'zoë ''quoted'' 🚲'", "zoë 'quoted' 🚲"],
  [field('bytes', 'BYTES'), "'\\x00\\xFF'::BLOB", Buffer.from([0, 255])],
  [field('d', 'DATE'), "DATE '1969-12-31'", -1],
  [field('t', 'TIMESTAMP'), "TIMESTAMPTZ '2024-01-01 12:00:00.000001+00'", noon + 1n],
  [field('dt', 'DATETIME'), "TIMESTAMP '2024-01-01 12:00:00.5'", noon + 500_000n],
  [field('tm', 'TIME'), "TIME '01:02:03.5'", '01:02:03.5'],
  [field('j', 'JSON'), `'{"a":[1,null]}'`, '{"a":[1,null]}'],
  [field('a', 'INTEGER', { mode: 'REPEATED' }), '[1, 2]', '[1,2]'],
  [
    field('r', 'RECORD', { fields: [field('x', 'INTEGER'), field('y', 'STRING')] }),
    "{x: 1, y: 'z'}",
    '{"x":1,"y":"z"}',
  ],
  [field('g', 'GEOGRAPHY'), "'POINT(1 2)'", 'POINT(1 2)'],
]

describe('types of BigQuery', () => {
  let source: BigQuerySource
  before(async () => {
    source = await startSource()
    const { server } = source
    const fields = types.map(([each]) => each)
    await server.createTable('shop', 'all_types', fields)
    const nulls = fields.map(({ mode }) => (mode === 'REPEATED' ? '[]' : 'NULL')).join(', ')
    await server.change(
      'shop',
      'all_types',
      `INSERT INTO $table VALUES (${types.map(([, sql]) => sql).join(', ')}), (${nulls})`,
    )
  })
  after(() => source.stop())

  test('each becomes its column type without loss, and NULL stays NULL', async () => {
    const { plan, rows } = await readAll(source.warehouse, requestFor('all_types'))
    const [first, second] = rows
    assert.deepEqual(
      first?.values,
      types.map(([, , value]) => value),
    )
    // BigQuery stores no NULL for an array.
    assert.deepEqual(
      second?.values,
      types.map(([{ mode }]) => (mode === 'REPEATED' ? '[]' : null)),
    )
    assert.deepEqual(plan.schema.columns.map(({ name, type, sourceType }) => [name, type, sourceType]).slice(-4), [
      ['j', 'json', 'JSON'],
      ['a', 'json', 'ARRAY<INT64>'],
      ['r', 'json', 'STRUCT<x INT64, y STRING>'],
      ['g', 'string', 'GEOGRAPHY'],
    ])
  })

  test('a row id is the canonical one of the values, trailing NULLs left out', async () => {
    const { server, warehouse } = source
    await server.createTable('shop', 'ids', [
      field('i', 'INTEGER'),
      field('n', 'NUMERIC'),
      field('t', 'TIMESTAMP'),
      field('z', 'STRING'),
    ])
    await server.change('shop', 'ids', "INSERT INTO $table VALUES (7, 1.5, TIMESTAMPTZ '2024-01-01 12:00:00+00', NULL)")
    const { rows } = await readAll(warehouse, requestFor('ids', { runId: 'ids' }))
    const canonical = new CanonicalEncoder()
    canonical.addInteger(7)
    canonical.addBytes('m', Buffer.from('1.5'), 0, 3)
    canonical.addTimestamp(noon)
    canonical.addNull()
    assert.equal(rows[0]?.id, canonical.digest(true).toString('hex'))
  })

  test('the warehouse counts as identical exactly the rows that share an id', async () => {
    const { server, warehouse } = source
    await server.createTable('shop', 'twins', [field('f', 'FLOAT'), field('a', 'STRING'), field('b', 'STRING')])
    const twins =
      "(0.0, 'ab', 'c'), ('-0'::DOUBLE, 'ab', 'c'), (0.0, 'a', 'bc'), (0.0, 'ab', 'c'), (NULL, '', NULL), (NULL, NULL, ''), (NULL, NULL, '')"
    await server.change('shop', 'twins', `INSERT INTO $table VALUES ${twins}`)
    const { plan, rows, shared } = await readAll(warehouse, requestFor('twins', { runId: 'twins' }))
    const ids = new Set(rows.map(({ id }) => id))
    assert.equal(ids.size, 5)
    assert.equal(await warehouse.countIdentical(plan, shared, signal), rows.length - ids.size)
  })

  test('a value larger than a record may be goes to the sink whole, where it becomes a reject', async () => {
    const { server, warehouse } = source
    await server.createTable('shop', 'large', [field('j', 'JSON')])
    await server.change('shop', 'large', `INSERT INTO $table VALUES ('{"a":"' || repeat('x', 1500000) || '"}'), ('{}')`)
    const { rows } = await readAll(warehouse, requestFor('large', { runId: 'large' }))
    assert.deepEqual(
      rows.map(({ values }) => String(values[0]).length),
      [1_500_008, 2],
    )
  })
})
