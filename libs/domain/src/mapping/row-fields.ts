import type { RowSchema } from '../row-schema.ts'
import { AvroError } from '../wire/avro-error.ts'
import { AvroReader } from '../wire/avro-reader.ts'
import { booleanShape, doubleShape, longShape, shapeOf } from '../wire/column-shapes.ts'

/** Where each column of the current row stands, so that its values can be written in any order without decoding twice. */
export class RowFields {
  /** Per column: first byte of its content (after a length), or -1 for NULL. */
  readonly starts: Int32Array
  /** Per column: the byte after its content. */
  readonly ends: Int32Array
  /** The row's batch. */
  buffer: Buffer = Buffer.alloc(0)
  readonly #shapes: Uint8Array
  readonly #reader = new AvroReader(Buffer.alloc(0))

  constructor(schema: Pick<RowSchema, 'columns'>) {
    this.#shapes = Uint8Array.from(schema.columns, (column) => shapeOf[column.type])
    this.starts = new Int32Array(schema.columns.length)
    this.ends = new Int32Array(schema.columns.length)
  }

  /** Finds the columns of the Row at [start, end). Throws `AvroError` when the bytes are no row of the schema. */
  scan(buffer: Buffer, start: number, end: number): void {
    const reader = this.#reader
    reader.open(buffer, start, end)
    this.walk(reader)
    if (reader.offset !== end) throw new AvroError(`a row ends at byte ${reader.offset} instead of ${end}`)
  }

  /** Finds the columns of the Row that the reader stands at, and moves it behind the row. Throws `AvroError`. */
  walk(reader: AvroReader): void {
    const { starts, ends } = this
    const columns = this.#shapes
    const { buffer, end } = reader
    this.buffer = buffer
    let at = reader.offset
    for (let i = 0; i < columns.length; i++) {
      const branch = at < end ? buffer[at++]! : -1
      if (branch === 0) {
        starts[i] = -1
        continue
      }
      if (branch !== 2) throw new AvroError(`no branch of a nullable column at byte ${at - 1}`)
      const shape = columns[i]!
      let from = at
      if (shape === longShape) {
        while (at < end && buffer[at]! >= 0x80) at++
        at++
        if (at - from > 10) throw new AvroError(`a long longer than 64 bits before byte ${at}`)
      } else if (shape === booleanShape) at++
      else if (shape === doubleShape) at += 8
      else {
        const first = at < end ? buffer[at]! : 0x80
        if (first < 0x80 && (first & 1) === 0) {
          from = at + 1
          at = from + (first >>> 1)
        } else {
          reader.offset = at
          reader.readBytes()
          from = reader.start
          at = reader.stop
        }
      }
      starts[i] = from
      ends[i] = at
    }
    if (at > end) throw new AvroError(`a row runs over the end of its batch at byte ${end}`)
    reader.offset = at
  }
}
