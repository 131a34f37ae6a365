import { type Column, type ColumnType, columnTypes, type RowSchema } from '@millrace/domain/row-schema.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import fc from 'fast-check'

/** A value of one column, as the tests hold it. */
export type Cell = null | boolean | bigint | number | string | Uint8Array

/** `fc.record` whose objects have the ordinary prototype, as those of the code under test. */
export function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
}

/** The Row bytes of one row, written as the extractor writes them. */
export function encodeRow(schema: RowSchema, row: readonly Cell[]): Buffer {
  const writer = new AvroWriter(16)
  for (const [i, column] of schema.columns.entries()) writeCell(writer, column.type, row[i]!)
  return writer.take()
}

function writeCell(writer: AvroWriter, type: ColumnType, cell: Cell): void {
  if (cell === null) {
    writer.writeNull()
    return
  }
  writer.writeSome()
  if (type === 'boolean') writer.writeBoolean(cell as boolean)
  else if (type === 'integer' || type === 'timestamp') writer.writeLong(cell as bigint)
  else if (type === 'date') writer.writeInt(cell as number)
  else if (type === 'double') writer.writeDouble(cell as number)
  else {
    const bytes = Buffer.from(cell as string | Uint8Array)
    writer.writeBytes(bytes, 0, bytes.length)
  }
}

export const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -100n, max: 100n }),
  fc.constantFrom(
    2n ** 53n,
    2n ** 53n - 1n,
    -(2n ** 53n),
    1n - 2n ** 53n,
    2n ** 31n,
    2n ** 32n,
    -(2n ** 32n),
    2n ** 63n - 1n,
    -(2n ** 63n),
  ),
)

/** Unicode without lone surrogates: what a database's UTF-8 can hold. */
export const unicode = fc.string({ unit: 'binary', maxLength: 60 })

const decimal = fc.oneof(
  fc.tuple(fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }), fc.nat(37)).map(([n, scale]) => decimalText(n, scale)),
  fc.tuple(fc.integer(), fc.nat(9)).map(([n, scale]) => decimalText(BigInt(n), scale)),
  fc.constantFrom(
    '0',
    '0.00',
    '-0.0',
    'NaN',
    'Infinity',
    '-Infinity',
    '1E+5',
    '1e-400',
    '0.1',
    '100000000000000000000',
    '9'.repeat(400),
  ),
)

function decimalText(n: bigint, scale: number): string {
  const digits = (n < 0n ? -n : n).toString().padStart(scale + 1, '0')
  const sign = n < 0n ? '-' : ''
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

const jsonText = fc.oneof(
  fc.json({ maxDepth: 4 }),
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value, null, 2)),
  fc.dictionary(unicode, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 6 }).map((value) => JSON.stringify(value)),
)

export const cells: Readonly<Record<ColumnType, fc.Arbitrary<Cell>>> = {
  boolean: fc.boolean(),
  integer: int64,
  double: fc.oneof(
    fc.double(),
    fc.tuple(fc.integer(), fc.nat(6)).map(([n, places]) => n / 10 ** places),
  ),
  decimal,
  string: unicode,
  json: jsonText,
  bytes: fc.uint8Array({ maxLength: 60 }),
  timestamp: int64,
  date: fc.integer(),
}

export const column: fc.Arbitrary<Column> = record({
  name: fc.oneof(
    unicode,
    fc.constantFrom('', '_', '_x', '_x_', '_x5f_', '1', 'a b', '__proto__', 'constructor', '"; drop', 'time'),
  ),
  type: fc.constantFrom(...columnTypes),
  sourceType: fc.string(),
})

export const rowSchema: fc.Arbitrary<RowSchema> = record({
  table: unicode,
  columns: fc.uniqueArray(column, { selector: (each) => each.name, maxLength: 12 }),
  key: fc.array(unicode, { maxLength: 3 }),
})

export function rowOf(schema: RowSchema): fc.Arbitrary<Cell[]> {
  return fc.tuple(...schema.columns.map((each) => fc.option(cells[each.type], { nil: null, freq: 5 })))
}
