import type { RowSchema } from '../row-schema.ts'
import { AvroError } from './avro-error.ts'
import type { AvroReader } from './avro-reader.ts'
import { doubleShape, longShape, shapeOf, sizedShape } from './column-shapes.ts'

/** Moves a reader that stands at a Row or a Before over the whole of it. */
export type SkipRow = (reader: AvroReader) => void

/** Compiled once per schema: row ends are found by walking, for Avro has no lengths of records. */
export function compileSkipRow(schema: Pick<RowSchema, 'columns'>): SkipRow {
  const columns = Uint8Array.from(schema.columns, (column) => shapeOf[column.type])
  const count = columns.length
  return (reader) => {
    const { buffer, end } = reader
    let at = reader.offset
    for (let i = 0; i < count; i++) {
      const branch = buffer[at++]
      if (branch === 0 && at <= end) continue
      if (branch !== 2) throw new AvroError(`no branch of a nullable column at byte ${at - 1}`)
      const shape = columns[i]!
      if (shape === sizedShape) {
        const first = buffer[at]!
        if (first < 0x80 && (first & 1) === 0) at += 1 + (first >>> 1)
        else {
          reader.offset = at
          reader.skipBytes()
          at = reader.offset
        }
      } else if (shape === longShape) {
        reader.offset = at
        reader.skipLong()
        at = reader.offset
      } else at += shape === doubleShape ? 8 : 1
    }
    if (at > end) throw new AvroError(`a row runs over the end of its batch at byte ${end}`)
    reader.offset = at
  }
}
