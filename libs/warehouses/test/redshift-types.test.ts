import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { CollectingSink, type Value } from './collecting-sink.ts'
import { nextRunId } from './mirror-replica.ts'
import { type RedshiftSource, requestFor, shopTable, signal, startSource } from './redshift-source.ts'

const noon = 1_704_110_400_000_000n

/** One line per type: its type, a value in SQL, and what a change record holds. */
const types: readonly (readonly [string, string, Value])[] = [
  ['BOOLEAN', 'FALSE', false],
  ['SMALLINT', '-32768', -32768n],
  ['INTEGER', '2147483647', 2147483647n],
  ['BIGINT', '-9223372036854775808', -9223372036854775808n],
  ['BIGINT', '9007199254740993', 9007199254740993n],
  ['REAL', '0.1', Math.fround(0.1)],
  ['DOUBLE PRECISION', '0.1', 0.1],
  ['DOUBLE PRECISION', "'NaN'", Number.NaN],
  ['DOUBLE PRECISION', "'-Infinity'", Number.NEGATIVE_INFINITY],
  ['DECIMAL(12,2)', '12.5', '12.50'],
  ['DECIMAL(38,9)', '-12345678901234567890.000000001', '-12345678901234567890.000000001'],
  ['VARCHAR(100)', "'zoë ''quoted'' 🚲'", "zoë 'quoted' 🚲"],
  ['VARCHAR(100)', "E'a|b\\\\c\\nd\\re'", 'a|b\\c\nd\re'],
  ['VARCHAR(100)', "''", ''],
  ['VARCHAR(100)', "'~'", '~'],
  ['VARCHAR(100)', "E'\\\\N'", '\\N'],
  ['VARCHAR(100)', "'  '", '  '],
  ['CHAR(5)', "'ab'", 'ab'],
  ['DATE', "'1969-12-31'", -1],
  ['TIMESTAMP', "'2024-01-01 12:00:00.5'", noon + 500_000n],
  ['TIMESTAMP', "'1969-12-31 23:59:59.999999'", -1n],
  ['TIMESTAMPTZ', "'2024-01-01 14:00:00.000001+02'", noon + 1n],
  ['TIME', "'01:02:03.5'", '01:02:03.5'],
  ['TIMETZ', "'01:02:03+02'", '01:02:03+02'],
  ['SUPER', `'{"a": [1, null]}'`, '{"a": [1, null]}'],
]

describe('types of Redshift', () => {
  let source: RedshiftSource
  before(async () => {
    source = await startSource()
    await source.makeTable('all_types', types.map(([type], i) => `a${i} ${type}`).join(', '))
    const nulls = types.map(() => 'NULL').join(', ')
    await source.sql(`INSERT INTO shop.all_types VALUES (${types.map(([, sql]) => sql).join(', ')}), (${nulls})`)
  })
  after(() => source.stop())

  it('each become their column type without loss, and NULL stays NULL, in a run and in a preview', async () => {
    const expected = [types.map(([, , value]) => value), types.map(() => null)]
    const byFirst = (rows: readonly { readonly values: readonly Value[] }[]) =>
      rows.map(({ values }) => values).sort((a, b) => Number(a[0] === null) - Number(b[0] === null))
    const { rows, plan } = await source.readAll(requestFor('all_types', { runId: nextRunId() }))
    assert.deepEqual(byFirst(rows), expected)
    const sink = new CollectingSink(plan.schema)
    const { rows: counted } = await source.warehouse.preview(shopTable('all_types'), [], 20, sink, signal)
    assert.equal(counted, 2)
    assert.deepEqual(byFirst(sink.rows), expected)
    assert.deepEqual(new Set(sink.rows.map(({ id }) => id)), new Set(rows.map(({ id }) => id)))
  })

  it('give a row id that is the canonical one of the values, trailing NULLs left out', async () => {
    await source.makeTable('ids', 'i INTEGER, n DECIMAL(5,1), t TIMESTAMP, z VARCHAR(5)')
    await source.sql("INSERT INTO shop.ids VALUES (7, 1.5, '2024-01-01 12:00:00', NULL)")
    const { rows } = await source.readAll(requestFor('ids', { runId: nextRunId() }))
    const canonical = new CanonicalEncoder()
    canonical.addInteger(7)
    canonical.addBytes('m', Buffer.from('1.5'), 0, 3)
    canonical.addTimestamp(noon)
    canonical.addNull()
    assert.equal(rows[0]?.id, canonical.digest(true).toString('hex'))
  })

  it('let the warehouse count as identical exactly the rows that share an id', async () => {
    await source.makeTable('twins', 'f DOUBLE PRECISION, a VARCHAR(9), b VARCHAR(9)')
    await source.sql(
      "INSERT INTO shop.twins VALUES (0.0, 'ab', 'c'), (0.1, 'ab', 'c'), (0.0, 'a', 'bc'), (0.0, 'ab', 'c'), (NULL, '', NULL), (NULL, NULL, ''), (NULL, NULL, '')",
    )
    const { plan, rows, shared } = await source.readAll(requestFor('twins', { runId: nextRunId() }))
    assert.equal(new Set(rows.map(({ id }) => id)).size, 5)
    assert.equal(await source.warehouse.countIdentical(plan, shared, signal), 2)
  })

  for (const type of ['GEOMETRY', 'GEOGRAPHY', 'VARBYTE', 'HLLSKETCH']) {
    it(`of the kind ${type} are refused when the table is described, with the column named`, async () => {
      await source.makeTable(`no_${type.toLowerCase()}`, `id INTEGER, shape redshift.${type.toLowerCase()}`)
      await assert.rejects(source.warehouse.describeTable(shopTable(`no_${type.toLowerCase()}`), signal), {
        code: 'type_not_supported',
        message: /The column "shape"/,
      })
    })
  }

  for (const name of ['_mp_row_hash', '_mp_change_type']) {
    it(`of a column called ${name} do not matter: the name is reserved`, async () => {
      await source.makeTable(`has${name}`, `id INTEGER, ${name} VARCHAR(9)`)
      await assert.rejects(source.warehouse.describeTable(shopTable(`has${name}`), signal), {
        code: 'name_invalid',
        message: new RegExp(`"${name}" is reserved`),
      })
    })
  }
})
