import type { ColumnType } from '@millrace/domain/row-schema.ts'

/**
 * Which column type a Snowflake type becomes, and the expression that reads it. Every run reads through a query, so the
 * warehouse turns each value into one of a few forms that need no further knowledge of its type. All are text but doubles: the SDK
 * hands text over as it is.
 *
 * | Snowflake                     | column    | read as                     | value                                    |
 * | ----------------------------- | --------- | --------------------------- | ---------------------------------------- |
 * | BOOLEAN                       | boolean   | TO_VARCHAR                  | true, false                              |
 * | NUMBER(p, 0), p <= 18         | integer   | TO_VARCHAR                  | exact                                    |
 * | NUMBER otherwise              | decimal   | TO_VARCHAR                  | exact text as Snowflake prints it: 12.50 |
 * | FLOAT                         | double    | itself                      | exact; NaN, Infinity, -Infinity          |
 * | VARCHAR                       | string    | itself                      |                                          |
 * | BINARY                        | bytes     | BASE64_ENCODE               |                                          |
 * | DATE                          | date      | DATEDIFF(day, …)            | days since 1970                          |
 * | TIME                          | string    | TO_VARCHAR(…, HH24:MI:SS.FF9) | 12:34:56.789000000                     |
 * | TIMESTAMP_NTZ                 | timestamp | DATE_PART(epoch_microsecond, …) | read as UTC; beyond microseconds it is cut |
 * | TIMESTAMP_LTZ, TIMESTAMP_TZ   | timestamp | the same                    |                                          |
 * | VARIANT, ARRAY, OBJECT, MAP   | json      | TO_JSON                     |                                          |
 *
 * INT, BIGINT and so on are NUMBER(38, 0) in Snowflake. GEOGRAPHY, GEOMETRY and VECTOR are refused.
 * https://docs.snowflake.com/en/sql-reference/intro-summary-data-types
 */
export type TypeRule = {
  readonly column: ColumnType
  readonly decode: number
  /** SQL for the value, from the quoted name of the column. */
  readonly expression: (column: string) => string
}

/** The forms in which values arrive. Numbers, since the hot loop switches on them. */
export const decodes = { boolean: 0, integer: 1, double: 2, text: 3, bytes: 4, timestamp: 5, date: 6 } as const

const { boolean, integer, double, text, bytes, timestamp, date } = decodes

const itself = (column: string) => column
const asText = (column: string) => `TO_VARCHAR(${column})`
const micros = (column: string) => `TO_VARCHAR(DATE_PART(epoch_microsecond, ${column}))`

export const typeRules = {
  boolean: { column: 'boolean', decode: boolean, expression: asText },
  integer: { column: 'integer', decode: integer, expression: asText },
  decimal: { column: 'decimal', decode: text, expression: asText },
  double: { column: 'double', decode: double, expression: itself },
  string: { column: 'string', decode: text, expression: itself },
  bytes: { column: 'bytes', decode: bytes, expression: (column) => `BASE64_ENCODE(${column})` },
  date: {
    column: 'date',
    decode: date,
    expression: (column) => `TO_VARCHAR(DATEDIFF(day, DATE '1970-01-01', ${column}))`,
  },
  time: { column: 'string', decode: text, expression: (column) => `TO_VARCHAR(${column}, 'HH24:MI:SS.FF9')` },
  timestamp_ntz: { column: 'timestamp', decode: timestamp, expression: micros },
  timestamp_tz: { column: 'timestamp', decode: timestamp, expression: micros },
  json: { column: 'json', decode: text, expression: (column) => `TO_JSON(${column})` },
} as const satisfies Readonly<Record<string, TypeRule>>

export type TypeRuleName = keyof typeof typeRules

/** Numbers of so many digits fit into 64 bits. */
const integerDigitsMax = 18

const byType: ReadonlyMap<string, TypeRuleName> = new Map([
  ['BOOLEAN', 'boolean'],
  ['FLOAT', 'double'],
  ['DOUBLE', 'double'],
  ['REAL', 'double'],
  ['TEXT', 'string'],
  ['VARCHAR', 'string'],
  ['BINARY', 'bytes'],
  ['DATE', 'date'],
  ['TIME', 'time'],
  ['TIMESTAMP_NTZ', 'timestamp_ntz'],
  ['TIMESTAMP_LTZ', 'timestamp_tz'],
  ['TIMESTAMP_TZ', 'timestamp_tz'],
  ['VARIANT', 'json'],
  ['ARRAY', 'json'],
  ['OBJECT', 'json'],
  ['MAP', 'json'],
])

/** A type as INFORMATION_SCHEMA.COLUMNS has it. */
export type CatalogType = { readonly type: string; readonly precision: number | null; readonly scale: number | null }

/** null for a type that this version does not read. */
export function ruleOf({ type, precision, scale }: CatalogType): TypeRuleName | null {
  if (type !== 'NUMBER') return byType.get(type) ?? null
  return (scale ?? 0) === 0 && (precision ?? 38) <= integerDigitsMax ? 'integer' : 'decimal'
}

/** The type as people write it: `NUMBER(12,2)`. Lengths of texts are left out: a longer one is no other type. */
export function sourceTypeOf({ type, precision, scale }: CatalogType): string {
  if (type === 'NUMBER') return `NUMBER(${precision ?? 38},${scale ?? 0})`
  return type === 'TEXT' ? 'VARCHAR' : type
}
