import type { RowSchema } from '../row-schema.ts'
import { integerTextMax, writeInt64 } from '../text/integer-text.ts'
import { AvroReader } from '../wire/avro-reader.ts'
import type { RowFields } from './row-fields.ts'

/** A column of type string or integer that names a user, device, group or lookup row. Holds the text of the current row's id. */
export class IdColumn {
  readonly name: string
  /** The text of the id is at [start, end) of `source`, unless it is NULL. */
  source: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
  readonly #index: number
  readonly #isInteger: boolean
  readonly #digits = Buffer.alloc(integerTextMax)
  readonly #reader = new AvroReader(Buffer.alloc(0))

  constructor(schema: Pick<RowSchema, 'columns'>, name: string) {
    this.name = name
    this.#index = schema.columns.findIndex((column) => column.name === name)
    this.#isInteger = schema.columns[this.#index]?.type === 'integer'
  }

  /** False when the id of this row is NULL. */
  load(row: RowFields): boolean {
    const start = row.starts[this.#index]!
    if (start < 0) return false
    if (this.#isInteger) {
      const reader = this.#reader
      reader.open(row.buffer, start, row.ends[this.#index]!)
      reader.readLongHalves()
      this.source = this.#digits
      this.start = 0
      this.end = writeInt64(this.#digits, 0, reader.hi, reader.lo)
    } else {
      this.source = row.buffer
      this.start = start
      this.end = row.ends[this.#index]!
    }
    return true
  }
}
