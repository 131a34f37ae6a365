import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { type ChecksumColumn, postgresChecksum, rowChecksumSql } from '@millrace/domain/identity/row-checksum-sql.ts'
import fc from 'fast-check'
import { type PostgresSource, startSource } from './postgres-source.ts'

type Row = readonly [
  flag: boolean | null,
  count: bigint | null,
  size: number | null,
  price: string | null,
  name: string | null,
  extra: string | null,
  raw: Buffer | null,
  at: bigint | null,
  day: number | null,
]

/** The columns of the sample in the form in which they are carried. */
const columns: readonly ChecksumColumn[] = [
  { type: 'boolean', sql: 't.flag' },
  { type: 'integer', sql: 't.count' },
  { type: 'double', sql: 't.size' },
  { type: 'decimal', sql: 't.price::text' },
  { type: 'string', sql: 't.name' },
  { type: 'json', sql: 't.extra::text' },
  { type: 'bytes', sql: 't.raw' },
  { type: 'timestamp', sql: '(extract(epoch from t.at) * 1000000)::bigint' },
  { type: 'date', sql: "(t.day - date '1970-01-01')" },
]

const text = fc.string({ unit: 'binary', maxLength: 20 }).map((each) => each.replaceAll('\0', 'n'))
const double = fc.oneof(
  fc.double(),
  fc.tuple(fc.integer(), fc.integer({ min: -30, max: 30 })).map(([n, power]) => Number(`${n}e${power}`)),
  fc.integer({ min: -1074, max: 1023 }).map((power) => 2 ** power),
  fc
    .tuple(fc.integer({ min: 1, max: 99_999 }), fc.integer({ min: 12, max: 30 }))
    .map(([n, power]) => Number(`${n}e${power}`)),
  fc.maxSafeInteger().map((n) => n * 4),
  fc.constantFrom(
    0,
    -0,
    Number.NaN,
    Infinity,
    -Infinity,
    1e21,
    1e-6,
    1e-7,
    123456789012345680000,
    1e23,
    2 ** 54 + 8,
    5e-324,
  ),
)
const nullable = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null, freq: 3 })
const row: fc.Arbitrary<Row> = fc.tuple(
  nullable(fc.boolean()),
  nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  nullable(double),
  nullable(fc.constantFrom('12.50', '0', '-0.001', '99999999999999999999.9', 'NaN')),
  nullable(fc.oneof(text, fc.constantFrom('', 'n', 'nn', 'NULL', 's1:a'))),
  nullable(fc.constantFrom('{}', '{"a": 1}', '[null]', '"n"')),
  nullable(fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes))),
  nullable(fc.bigInt({ min: BigInt(Date.UTC(1, 0)) * 1000n, max: BigInt(Date.UTC(9999, 0)) * 1000n })),
  nullable(fc.integer({ min: -700_000, max: 2_900_000 })),
)

/** The definition: libs/domain/src/identity/canonical.ts. */
function checksum([flag, count, size, price, name, extra, raw, at, day]: Row): string {
  const encoder = new CanonicalEncoder()
  const addText = (tag: 's' | 'j' | 'm' | 'b', value: string | Buffer | null) => {
    if (value === null) encoder.addNull()
    else encoder.addBytes(tag, Buffer.from(value), 0, Buffer.byteLength(value))
  }
  if (flag === null) encoder.addNull()
  else encoder.addBoolean(flag)
  if (count === null) encoder.addNull()
  else encoder.addInteger(count)
  if (size === null) encoder.addNull()
  else encoder.addDouble(size)
  addText('m', price)
  addText('s', name)
  addText('j', extra)
  addText('b', raw)
  if (at === null) encoder.addNull()
  else encoder.addTimestamp(at)
  if (day === null) encoder.addNull()
  else encoder.addDate(day)
  return encoder.digest(true).toString('hex')
}

describe('the checksum of a row in Postgres', () => {
  let source: PostgresSource
  before(async () => {
    source = await startSource()
  })
  after(() => source.stop())

  async function inPostgres(rows: readonly Row[], over = columns): Promise<string[]> {
    const { rows: found } = await source.admin.query<{ sum: string }>(
      `select encode(${rowChecksumSql(postgresChecksum, over).checksum}, 'hex') as sum
       from (
         select flag, count, size, price, name, extra, raw, timestamptz 'epoch' + (micros / 1000000) * interval '1 second' + (micros % 1000000) * interval '1 microsecond' as at, date 'epoch' + days as day, n
         from unnest($1::bool[], $2::int8[], $3::float8[], $4::numeric[], $5::text[], $6::json[], $7::bytea[], $8::int8[], $9::int[])
           with ordinality as u (flag, count, size, price, name, extra, raw, micros, days, n)
       ) as t order by t.n`,
      Array.from({ length: 9 }, (_, column) => rows.map((each) => parameter(each[column]!))),
    )
    return found.map(({ sum }) => sum)
  }

  it('is the one that the definition gives, for every type, value and NULL', async () => {
    const rows = fc.sample(row, { numRuns: 5000, seed: 11 })
    const found = await inPostgres(rows)
    rows.forEach((each, n) => {
      assert.equal(found[n], checksum(each), String(each))
    })
  })

  it('stays when NULL columns are added at the end, and changes when one of them has a value or stands before others', async () => {
    const rows = fc.sample(row, { numRuns: 200, seed: 13 })
    const none: ChecksumColumn = { type: 'string', sql: 'null::text' }
    const tag: ChecksumColumn = { type: 'string', sql: "'tag1'" }
    const plain = await inPostgres(rows)
    assert.deepEqual(await inPostgres(rows, [...columns, none, none]), plain)
    const tagged = await inPostgres(rows, [...columns, none, tag])
    const shifted = await inPostgres(rows, [none, ...columns])
    rows.forEach((each, n) => {
      assert.notEqual(tagged[n], plain[n])
      if (each.some((value) => value !== null)) assert.notEqual(shifted[n], plain[n])
    })
  })

  it('of any double is the one that the definition gives', async () => {
    const rows = fc
      .sample(double, { numRuns: 20_000, seed: 12 })
      .map((size): Row => [null, null, size, null, null, null, null, null, null])
    const found = await inPostgres(rows)
    rows.forEach((each, n) => {
      assert.equal(found[n], checksum(each), String(each[2]))
    })
  })
})

function parameter(value: Row[number]): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  return Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : value
}
