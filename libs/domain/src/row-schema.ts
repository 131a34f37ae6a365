/**
 * The columns of a source table as change records carry them. A closed set: every warehouse maps each of its types to
 * one of these by a stated rule (`libs/warehouses/<name>/types.ts`), and the mapping compiler knows all of them.
 *
 * | type        | Avro (always in a union with null)            | value                                             |
 * | ----------- | --------------------------------------------- | ------------------------------------------------- |
 * | boolean     | boolean                                       |                                                   |
 * | integer     | long                                          | exact 64-bit integer                              |
 * | double      | double                                        | IEEE 754, NaN and infinities included             |
 * | decimal     | string, `millraceType: decimal`               | exact decimal text as the warehouse prints it     |
 * | string      | string                                        |                                                   |
 * | json        | string, `millraceType: json`                  | JSON text (json, arrays, composite values)        |
 * | bytes       | bytes                                         |                                                   |
 * | timestamp   | long, `logicalType: timestamp-micros`         | microseconds since 1970-01-01T00:00:00Z; int64 min/max stand for -infinity/infinity |
 * | date        | int, `logicalType: date`                      | days since 1970-01-01; int32 min/max likewise     |
 */
export const columnTypes = [
  'boolean',
  'integer',
  'double',
  'decimal',
  'string',
  'json',
  'bytes',
  'timestamp',
  'date',
] as const
export type ColumnType = (typeof columnTypes)[number]

export type Column = {
  /** Exact spelling in the warehouse's catalogue. */
  readonly name: string
  readonly type: ColumnType
  /** The warehouse's own name of the type, as shown to people: `timestamp with time zone`, `numeric(12,2)`. */
  readonly sourceType: string
}

export type RowSchema = {
  /** `schema.table` as people know it. */
  readonly table: string
  readonly columns: readonly Column[]
  /** Names of the primary-key columns in key order; empty when the table has none. */
  readonly key: readonly string[]
}
