import type { ColumnType } from '@millrace/domain/row-schema.ts'

/**
 * Which column type a BigQuery type becomes, and the expression that reads it. Every run reads through a query, so the
 * warehouse turns each value into one of five forms that need no further knowledge of its type.
 *
 * | BigQuery               | column    | read as                | value                                             |
 * | ---------------------- | --------- | ---------------------- | ------------------------------------------------- |
 * | BOOL                   | boolean   | itself                 |                                                   |
 * | INT64                  | integer   | itself                 | exact                                             |
 * | FLOAT64                | double    | itself                 | exact; NaN, Infinity, -Infinity                   |
 * | NUMERIC, BIGNUMERIC    | decimal   | CAST(… AS STRING)      | exact text as BigQuery prints it: 12.5            |
 * | STRING                 | string    | itself                 |                                                   |
 * | BYTES                  | bytes     | itself                 |                                                   |
 * | DATE                   | date      | UNIX_DATE              |                                                   |
 * | TIMESTAMP              | timestamp | UNIX_MICROS            | microseconds UTC                                  |
 * | DATETIME               | timestamp | UNIX_MICROS(TIMESTAMP(…)) | read as UTC                                    |
 * | TIME                   | string    | CAST(… AS STRING)      | 12:34:56.789                                      |
 * | JSON                   | json      | TO_JSON_STRING         |                                                   |
 * | ARRAY, STRUCT          | json      | TO_JSON_STRING         | an empty array and a NULL one are the same there  |
 * | GEOGRAPHY              | string    | ST_ASTEXT              | WKT: POINT(1 2)                                   |
 * | INTERVAL               | string    | CAST(… AS STRING)      | 1-2 3 4:5:6                                       |
 * | RANGE                  | string    | FORMAT('%t', …)        | [2024-01-01, UNBOUNDED)                           |
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
const asText = (column: string) => `CAST(${column} AS STRING)`
/** The function gives the text `null` or `NULL` for NULL. */
const exceptNull = (before: string) => (column: string) => `IF(${column} IS NULL, NULL, ${before}${column}))`

export const typeRules = {
  boolean: { column: 'boolean', decode: boolean, expression: itself },
  integer: { column: 'integer', decode: integer, expression: itself },
  double: { column: 'double', decode: double, expression: itself },
  decimal: { column: 'decimal', decode: text, expression: asText },
  string: { column: 'string', decode: text, expression: itself },
  bytes: { column: 'bytes', decode: bytes, expression: itself },
  date: { column: 'date', decode: date, expression: (column) => `UNIX_DATE(${column})` },
  timestamp: { column: 'timestamp', decode: timestamp, expression: (column) => `UNIX_MICROS(${column})` },
  datetime: { column: 'timestamp', decode: timestamp, expression: (column) => `UNIX_MICROS(TIMESTAMP(${column}))` },
  json: { column: 'json', decode: text, expression: exceptNull('TO_JSON_STRING(') },
  cast_text: { column: 'string', decode: text, expression: asText },
  geography: { column: 'string', decode: text, expression: (column) => `ST_ASTEXT(${column})` },
  range: { column: 'string', decode: text, expression: exceptNull("FORMAT('%t', ") },
} as const satisfies Readonly<Record<string, TypeRule>>

export type TypeRuleName = keyof typeof typeRules

/** The REST API uses the names of legacy SQL beside those of GoogleSQL. */
const byType: ReadonlyMap<string, TypeRuleName> = new Map([
  ['BOOL', 'boolean'],
  ['BOOLEAN', 'boolean'],
  ['INT64', 'integer'],
  ['INTEGER', 'integer'],
  ['FLOAT64', 'double'],
  ['FLOAT', 'double'],
  ['NUMERIC', 'decimal'],
  ['BIGNUMERIC', 'decimal'],
  ['STRING', 'string'],
  ['BYTES', 'bytes'],
  ['DATE', 'date'],
  ['TIMESTAMP', 'timestamp'],
  ['DATETIME', 'datetime'],
  ['TIME', 'cast_text'],
  ['JSON', 'json'],
  ['RECORD', 'json'],
  ['STRUCT', 'json'],
  ['GEOGRAPHY', 'geography'],
  ['INTERVAL', 'cast_text'],
  ['RANGE', 'range'],
])

/** A field of a table's schema as the API gives it. */
export type ApiField = {
  readonly name: string
  readonly type: string
  readonly mode?: string
  readonly fields?: readonly ApiField[]
  readonly precision?: string
  readonly scale?: string
}

/** null for a type that this version does not know. */
export function ruleOf({ type, mode }: ApiField): TypeRuleName | null {
  return mode === 'REPEATED' ? 'json' : (byType.get(type) ?? null)
}

const standardNames: Readonly<Record<string, string>> = {
  BOOLEAN: 'BOOL',
  INTEGER: 'INT64',
  FLOAT: 'FLOAT64',
  RECORD: 'STRUCT',
}

/** The type as people write it: `NUMERIC(12, 2)`, `ARRAY<STRUCT<a INT64>>`. */
export function sourceTypeOf(field: ApiField): string {
  const name = standardNames[field.type] ?? field.type
  const inner = (field.fields ?? []).map((each) => `${each.name} ${sourceTypeOf(each)}`).join(', ')
  const size = field.precision === undefined ? '' : `(${[field.precision, field.scale].filter(Boolean).join(', ')})`
  const single = name === 'STRUCT' ? `STRUCT<${inner}>` : `${name}${size}`
  return field.mode === 'REPEATED' ? `ARRAY<${single}>` : single
}
