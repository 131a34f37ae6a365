import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { ColumnType } from '@millrace/domain/row-schema.ts'
import fc from 'fast-check'
import { CollectingSink, type Value } from './collecting-sink.ts'
import { type PostgresSource, publicTable, readAll, requestFor, signal, startSource } from './postgres-source.ts'

const minInt64 = -(2n ** 63n)
const maxInt64 = 2n ** 63n - 1n
const micros = (text: string, extra = 0n) => BigInt(Date.parse(text)) * 1000n + extra

/** SQL type, literal, column type and value that it must become. */
const cases: readonly (readonly [type: string, literal: string, column: ColumnType, value: Value])[] = [
  ['boolean', 'true', 'boolean', true],
  ['boolean', 'false', 'boolean', false],
  ['smallint', '-32768', 'integer', -32768n],
  ['integer', '-2147483648', 'integer', -2147483648n],
  ['integer', '2147483647', 'integer', 2147483647n],
  ['bigint', '9223372036854775807', 'integer', maxInt64],
  ['bigint', '-9223372036854775808', 'integer', minInt64],
  ['bigint', '9007199254740993', 'integer', 9007199254740993n],
  ['oid', '4294967295', 'integer', 4294967295n],
  ['real', '0.1', 'double', 0.1],
  ['real', '16777216', 'double', 16777216],
  ['real', '3.4028235e38', 'double', 3.4028235e38],
  ['real', '1e-45', 'double', 1e-45],
  ['real', 'NaN', 'double', Number.NaN],
  ['double precision', '-0', 'double', -0],
  ['double precision', '0.1', 'double', 0.1],
  ['double precision', '-Infinity', 'double', Number.NEGATIVE_INFINITY],
  ['numeric', '1.00', 'decimal', '1.00'],
  ['numeric', '-0.00001234', 'decimal', '-0.00001234'],
  ['numeric', '123456789012345678901234567890.123456789', 'decimal', '123456789012345678901234567890.123456789'],
  ['numeric', 'NaN', 'decimal', 'NaN'],
  ['numeric', '-Infinity', 'decimal', '-Infinity'],
  ['numeric(12,2)', '12.5', 'decimal', '12.50'],
  ['timestamptz', '2024-02-29 12:34:56.123456+02', 'timestamp', micros('2024-02-29T10:34:56.123Z', 456n)],
  ['timestamptz', '1969-12-31 23:59:59.999999+00', 'timestamp', -1n],
  ['timestamptz', '4713-01-01 00:00:00+00 BC', 'timestamp', micros('-004712-01-01T00:00:00Z')],
  ['timestamptz', '294247-01-10 04:00:54.775807+00', 'timestamp', maxInt64],
  ['timestamptz', '294276-12-31 23:59:59+00', 'timestamp', maxInt64],
  ['timestamptz', 'infinity', 'timestamp', maxInt64],
  ['timestamptz', '-infinity', 'timestamp', minInt64],
  ['timestamp', '2024-02-29 12:34:56.000001', 'timestamp', micros('2024-02-29T12:34:56Z', 1n)],
  ['timestamp', 'infinity', 'timestamp', maxInt64],
  ['date', '2024-02-29', 'date', 19782],
  ['date', '1969-12-31', 'date', -1],
  ['date', 'infinity', 'date', 2147483647],
  ['date', '-infinity', 'date', -2147483648],
  ['time', '12:34:56.123456', 'string', '12:34:56.123456'],
  ['timetz', '12:34:56+02', 'string', '12:34:56+02'],
  ['interval', '1 year 2 days 03:04:05.6', 'string', '1 year 2 days 03:04:05.6'],
  ['text', '', 'string', ''],
  ['text', 'naïve 🛫 \n "quoted"', 'string', 'naïve 🛫 \n "quoted"'],
  ['varchar(5)', 'abc', 'string', 'abc'],
  ['char(5)', 'abc', 'string', 'abc'],
  ['name', 'abc', 'string', 'abc'],
  ['mood', 'happy', 'string', 'happy'],
  ['uuid', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', 'string', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['json', '{"a": 1.00,  "a": 2}', 'json', '{"a": 1.00,  "a": 2}'],
  ['jsonb', '{"b":1,"a":[1,  2]}', 'json', '{"a": [1, 2], "b": 1}'],
  ['integer[]', '{1,NULL,3}', 'json', '[1,null,3]'],
  ['text[]', '{{a,b},{"c,d",e}}', 'json', '[["a","b"],["c,d","e"]]'],
  ['numeric[]', '{1.00,123456789012345678901}', 'json', '[1.00,123456789012345678901]'],
  ['point_of_sale', '(7,Paris)', 'json', '{"till":7,"city":"Paris"}'],
  ['hstore', 'a=>1, b=>NULL', 'json', '{"a": "1", "b": null}'],
  ['bytea', '\\x00ff10', 'bytes', Buffer.from([0, 255, 16])],
  ['inet', '10.0.0.1/8', 'string', '10.0.0.1/8'],
  ['cidr', '10.0.0.0/8', 'string', '10.0.0.0/8'],
  ['macaddr', '08:00:2b:01:02:03', 'string', '08:00:2b:01:02:03'],
  ['money', '1234.5', 'string', '$1,234.50'],
  ['bit(3)', '101', 'string', '101'],
  ['varbit', '10101', 'string', '10101'],
  ['xml', '<a>1</a>', 'string', '<a>1</a>'],
  ['int4range', '[1,5)', 'string', '[1,5)'],
  ['int4multirange', '{[1,5),[7,9)}', 'string', '{[1,5),[7,9)}'],
  ['point', '(1,2.5)', 'string', '(1,2.5)'],
  ['tsvector', 'a b', 'string', "'a' 'b'"],
  ['pg_lsn', '16/B374D848', 'string', '16/B374D848'],
  ['"char"', 'x', 'string', 'x'],
  ['regclass', 'pg_class', 'string', 'pg_class'],
  ['citext', 'MiXed', 'string', 'MiXed'],
  ['positive', '42', 'integer', 42n],
  ['tags', '{x,y}', 'json', '["x","y"]'],
]

const tags: Readonly<Record<ColumnType, string>> = {
  boolean: '',
  integer: 'i',
  double: 'd',
  decimal: 'm',
  string: 's',
  json: 'j',
  bytes: 'b',
  timestamp: 'u',
  date: 'y',
}

/** The grammar of libs/domain/src/identity/canonical.ts, written down a second time. */
function canonical(column: ColumnType, value: Value): Buffer {
  if (value === null) return Buffer.from('n')
  if (typeof value === 'boolean') return Buffer.from(value ? 'T' : 'F')
  const payload = Buffer.isBuffer(value) ? value : Buffer.from(Object.is(value, -0) ? '-0' : String(value))
  return Buffer.concat([Buffer.from(`${tags[column]}${payload.length}:`), payload])
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

describe('types of Postgres', () => {
  let source: PostgresSource

  before(async () => {
    source = await startSource()
    await source.admin.query(`
      CREATE EXTENSION hstore; CREATE EXTENSION citext;
      CREATE TYPE mood AS ENUM ('sad', 'happy');
      CREATE TYPE point_of_sale AS (till int, city text);
      CREATE DOMAIN small AS int CHECK (value < 1000); CREATE DOMAIN positive AS small CHECK (value > 0);
      CREATE DOMAIN tags AS text[];`)
    const columns = cases.map(([type], i) => `c${i} ${type}`)
    await source.admin.query(`CREATE TABLE every_type (${columns.join(', ')})`)
    const values = cases.map(([type], i) => `$${i + 1}::text::${type}`)
    const texts = cases.map(([, literal]) => literal)
    await source.admin.query(`INSERT INTO every_type SELECT ${values.join(', ')}`, texts)
    await source.admin.query('INSERT INTO every_type DEFAULT VALUES')
  })
  after(() => source.stop())

  it('become the column types and values of the table in types.ts', async () => {
    const { plan, rows } = await readAll(source.warehouse, requestFor('every_type'))
    for (const [i, [type, literal, column, value]] of cases.entries()) {
      assert.equal(plan.schema.columns[i]?.type, column, type)
      assert.deepEqual(rows[0]?.values[i], value, `${type} ${literal}`)
      assert.equal(rows[1]?.values[i], null, `NULL of ${type}`)
    }
  })

  it('give row ids that follow from the values alone', async () => {
    const { rows } = await readAll(source.warehouse, requestFor('every_type'))
    const whole = cases.map(([, , column, value]) => canonical(column, value))
    assert.equal(rows[0]?.id, sha256(Buffer.concat(whole)))
    assert.equal(rows[1]?.id, sha256(Buffer.alloc(0)), 'trailing NULLs are left out')
    const some = ['c20', 'c0', 'c5']
    const keyed = await readAll(source.warehouse, requestFor('every_type', { identity: some }))
    const key = some.map((name) => cases[Number(name.slice(1))]!).map(([, , column, value]) => canonical(column, value))
    assert.equal(keyed.rows[0]?.id, sha256(Buffer.concat(key)))
    assert.equal(keyed.rows[1]?.id, sha256(Buffer.from('nnn')), 'of a key, NULLs count')
  })

  it('number for number as Postgres prints them, for any numeric and real', async () => {
    const digits = fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n })
    const numerics = fc.sample(fc.tuple(digits, fc.integer({ min: -20, max: 70 })), { numRuns: 400, seed: 7 })
    const reals = fc.sample(fc.float({ noNaN: true, noDefaultInfinity: true }), { numRuns: 400, seed: 7 })
    await source.admin.query('CREATE TABLE numbers (i int PRIMARY KEY, n numeric, r real, n_text text, r_text text)')
    await source.admin.query(
      `INSERT INTO numbers SELECT i, n, r, n::text, r::text FROM (
         SELECT (row_number() OVER ())::int AS i, n::numeric AS n, r::real AS r FROM unnest($1::text[], $2::float8[]) AS t(n, r)) AS x`,
      [numerics.map(([n, scale]) => `${n}e${-scale}`), reals],
    )
    const { rows } = await readAll(source.warehouse, requestFor('numbers'))
    assert.equal(rows.length, 400)
    for (const { values } of rows) {
      assert.equal(values[1], values[3])
      assert.equal(values[2], Number(values[4]), `real ${values[4]}`)
    }
  })

  it('keep rows apart that differ in nothing but scale or the sign of zero, in ids and in the count', async () => {
    await source.admin.query(`CREATE TABLE alike (n numeric, d float8, t text, b bytea, j json);
      INSERT INTO alike VALUES (1.0, 0, 'a', '\\x00', '{}'), (1.00, 0, 'a', '\\x00', '{}'), (1.00, '-0', 'a', '\\x00', '{}'),
        (1.0, 0, 'a', '\\x00', '{ }'), (1.0, 0, '', NULL, NULL), (1.0, 0, NULL, NULL, NULL),
        (1.0, 0, 'a', '\\x00', '{}'), (1.0, 0, 'a', '\\x00', '{}'), (1.0, 0, NULL, NULL, NULL)`)
    const { plan, pin } = await source.warehouse.plan(requestFor('alike'), signal)
    const sink = new CollectingSink(plan.schema)
    for (const chunk of plan.chunks) await source.warehouse.readChunk(plan, chunk, pin.shared, sink, signal)
    const distinct = new Set(sink.rows.map((row) => row.id)).size
    assert.equal(await source.warehouse.countIdentical(plan, pin.shared, signal), sink.rows.length - distinct)
    assert.equal(distinct, 6)
    await pin.close()
  })

  it('and hostile names flow through the catalogue and the statements as they are', async () => {
    const names = [
      'a"b',
      'line\nbreak',
      '__proto__',
      'constructor',
      "'; DROP TABLE x; --",
      '\u202eevil',
      '$1',
      'ü'.repeat(31),
    ]
    const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`)
    await source.admin.query(`CREATE SCHEMA ${quoted[0]}`)
    await source.admin.query(
      `CREATE TABLE ${quoted[0]}.${quoted[1]} (${quoted.map((name) => `${name} text`).join(', ')})`,
    )
    await source.admin.query(
      `INSERT INTO ${quoted[0]}.${quoted[1]} VALUES (${names.map((_, i) => `'${i}'`).join(', ')})`,
    )
    const table = { schema: names[0]!, name: names[1]! }
    assert.deepEqual(
      (await source.warehouse.listTables(names[0]!, signal)).map((each) => each.name),
      [names[1]],
    )
    const described = await source.warehouse.describeTable(table, signal)
    assert.deepEqual(
      described.columns.map((column) => column.name),
      names,
    )
    const { rows } = await readAll(source.warehouse, requestFor('', { table, identity: ['__proto__'] }))
    assert.deepEqual(
      rows.map((row) => row.values),
      [names.map((_, i) => `${i}`)],
    )
    for (const name of ['x'.repeat(10_240), 'nul\0', '', '" UNION SELECT']) {
      await assert.rejects(
        source.warehouse.describeTable({ schema: 'public', name }, signal),
        (error: { code?: string; message: string }) =>
          error.message.length < 300 && /table_not_found|name_invalid/.test(error.code ?? ''),
      )
    }
  })

  it('a preview shows the first rows of a view', async () => {
    await source.admin.query('CREATE VIEW seen AS SELECT i, i::text AS t FROM generate_series(1, 500) AS i')
    const schema = await source.warehouse.describeTable(publicTable('seen'), signal)
    const sink = new CollectingSink(schema)
    assert.deepEqual(await source.warehouse.preview(publicTable('seen'), [], 50, sink, signal), { rows: 50 })
    assert.deepEqual(sink.rows[0]?.values, [1n, '1'])
  })
})
