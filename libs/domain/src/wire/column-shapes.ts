import type { ColumnType } from '../row-schema.ts'

/** One byte. */
export const booleanShape = 0
/** One to ten bytes, the last one below 0x80. */
export const longShape = 1
/** Eight bytes. */
export const doubleShape = 2
/** A length and so many bytes. */
export const sizedShape = 3

/** How the end of a column's Avro value is found. */
export const shapeOf: Readonly<Record<ColumnType, number>> = {
  boolean: booleanShape,
  integer: longShape,
  timestamp: longShape,
  date: longShape,
  double: doubleShape,
  decimal: sizedShape,
  string: sizedShape,
  json: sizedShape,
  bytes: sizedShape,
}
