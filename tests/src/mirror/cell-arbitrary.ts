import type { ColumnType } from '@millrace/domain/row-schema.ts'
import fc from 'fast-check'
import type { Cell } from './model-table.ts'

/** What a warehouse can hold. */
export type CellKinds = {
  readonly types: readonly ColumnType[]
  /** Text with the character NUL. */
  readonly hasNul: boolean
  /** No two rows have one key; else the warehouse does not look, and identical rows may have it. */
  readonly hasUniqueKeys?: boolean
}

/** Stands in ids for the name of the history, so that no two histories share a profile. */
export const historyMark = '§'

const baseMicros = BigInt(Date.UTC(2024, 2, 1)) * 1000n
const dayMicros = 86_400_000_000n
const long = 'x'.repeat(256)

/** Times of rows: equal ones, ones within a millisecond and ones in other partitions, before 1971 and in 2100, and none. */
export const goodTime: fc.Arbitrary<Cell> = fc.oneof(
  fc.constantFrom<Cell>(baseMicros, baseMicros + 1n, baseMicros + 999n, baseMicros + 1000n, baseMicros - 1n),
  fc.integer({ min: 0, max: 9 }).map((days) => baseMicros + BigInt(days) * dayMicros),
)
export const badTime: fc.Arbitrary<Cell> = fc.constantFrom<Cell>(
  null,
  5n,
  -baseMicros,
  BigInt(Date.UTC(2100, 0, 1)) * 1000n,
)
export const goodDay: fc.Arbitrary<Cell> = fc.integer({ min: 19_700, max: 19_705 })
export const badDay: fc.Arbitrary<Cell> = fc.constantFrom<Cell>(null, 10, 47_500)

export const goodId: fc.Arbitrary<Cell> = fc.constantFrom(
  ...['ann', 'bob', 'Bob', 'zoë', '用户', 'o\'neil "x" \\', ' ann '].map((name) => `${historyMark}${name}`),
)
export const badId: fc.Arbitrary<Cell> = fc.constantFrom<Cell>(null, '', 'null', 'Anonymous', long)
export const goodName: fc.Arbitrary<Cell> = fc.constantFrom('play', 'stop', 'Play', 'öffnen', '\u{1F3B5}')
export const badName: fc.Arbitrary<Cell> = fc.constantFrom<Cell>(null, '', long)
export const goodJson: fc.Arbitrary<Cell> = fc.constantFrom<Cell>(
  '{}',
  '{"plan":1}',
  '{"deep":{"list":[1,2.5,"x",null,true]},"plan":null}',
  '{"distinct_id":"other","note":"not this one","time":1}',
  '{"naïve":"\u{1F600}"}',
  null,
)
export const badJson: fc.Arbitrary<Cell> = fc.constantFrom<Cell>('[]', '"text"', '12', 'null')

const doubles = [0, -0, 0.1, -12.5, 1e23, 1e21, 1e-7, 5e-324, Number.MAX_VALUE, -Number.MAX_VALUE, 2 ** 53, 123456.789]
const unending = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
const decimals = ['0', '12.5', '-0.000000001', '99999999999999', '1234567890.123456789', '-12345678901234567890.5']
const texts = [
  '',
  'a',
  'b',
  'null',
  'it\'s "quoted" \\n',
  'line\nbreak\ttab',
  'ünï\u0301',
  '\u{1F600}',
  '\u2028',
  '0',
  ' a ',
]
const jsons = ['{}', '[]', 'null', '"text"', '0.5', '{"a":[1,{"b":null}]}', '["\u{1F600}",true,-3]', '{"a":""}']

/** Values of a type; often the same few, so that rows and values repeat. Never NULL. */
export function cellOf(type: ColumnType, { hasNul }: CellKinds): fc.Arbitrary<Cell> {
  switch (type) {
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.oneof(
        fc.constantFrom(0n, 1n, -1n, 2n ** 53n - 1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      )
    case 'double':
      return fc.oneof(fc.constantFrom(...doubles, ...unending), fc.double({ noNaN: true }))
    case 'decimal':
      return fc.oneof(
        fc.constantFrom(...decimals),
        fc.integer({ min: -999_999_999, max: 999_999_999 }).map((n) => String(n / 1000)),
      )
    case 'string': {
      const plain = fc.oneof(fc.constantFrom(...texts), fc.string({ unit: 'grapheme', maxLength: 12 }))
      const usual: fc.Arbitrary<string> = plain.map((text) => text.replaceAll('\0', ''))
      return hasNul ? fc.oneof({ weight: 30, arbitrary: usual }, fc.constant('nul \0')) : usual
    }
    case 'json':
      return fc.oneof(
        fc.constantFrom(...jsons),
        fc.record({ n: fc.integer(), t: fc.constantFrom('x', 'é', '"') }).map((value) => JSON.stringify(value)),
      )
    case 'bytes':
      return fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex'))
    case 'timestamp':
      return fc.oneof(
        fc.constantFrom(baseMicros, 0n, -1n, BigInt(Date.UTC(9999, 11, 31)) * 1000n, -62_135_596_800_000_000n),
        fc.bigInt({ min: 0n, max: 2n * baseMicros }),
      )
    case 'date':
      return fc.oneof(fc.constantFrom(0, -1, 19_783, -719_162, 2_932_896), fc.integer({ min: 0, max: 30_000 }))
  }
}
