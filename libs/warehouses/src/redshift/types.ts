import type { ColumnType } from '@millrace/domain/row-schema.ts'

/**
 * Which column type a Redshift type becomes, and the expression that reads it. Every run reads through a query, so the
 * warehouse turns each value into one of a few forms that need no further knowledge of its type.
 *
 * | Redshift                            | column    | read as                 | value                                  |
 * | ----------------------------------- | --------- | ----------------------- | -------------------------------------- |
 * | BOOLEAN                             | boolean   | itself                  |                                        |
 * | SMALLINT, INTEGER, BIGINT           | integer   | BIGINT                  | exact                                  |
 * | REAL, DOUBLE PRECISION              | double    | DOUBLE PRECISION        | exact; NaN, Infinity, -Infinity        |
 * | DECIMAL                             | decimal   | CAST(… AS VARCHAR)      | exact text as Redshift prints it: 12.50 |
 * | VARCHAR                             | string    | itself                  |                                        |
 * | CHAR                                | string    | RTRIM                   | without the blanks at its end, which mean nothing there |
 * | DATE                                | date      | days since 1970         |                                        |
 * | TIMESTAMP                           | timestamp | DATEDIFF(microsecond …) | read as UTC                            |
 * | TIMESTAMPTZ                         | timestamp | the same, AT TIME ZONE 'UTC' |                                   |
 * | TIME, TIMETZ                        | string    | CAST(… AS VARCHAR)      | 12:34:56.789                           |
 * | SUPER                               | json      | JSON_SERIALIZE          | at most 65,535 bytes                   |
 *
 * GEOMETRY, GEOGRAPHY, VARBYTE, HLLSKETCH and INTERVAL are refused.
 * https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
 */
export type TypeRule = {
  readonly column: ColumnType
  readonly decode: number
  /** SQL for the value, from the quoted name of the column. */
  readonly expression: (column: string) => string
}

/** The forms in which values arrive. Numbers, since the hot loop switches on them. */
export const decodes = { boolean: 0, integer: 1, double: 2, text: 3, timestamp: 4, date: 5 } as const

const { boolean, integer, double, text, timestamp, date } = decodes

const itself = (column: string) => column
const asText = (column: string) => `CAST(${column} AS VARCHAR)`
const micros = (column: string) => `DATEDIFF(microsecond, TIMESTAMP '1970-01-01 00:00:00', ${column})`

export const typeRules = {
  boolean: { column: 'boolean', decode: boolean, expression: itself },
  integer: { column: 'integer', decode: integer, expression: (column) => `CAST(${column} AS BIGINT)` },
  double: { column: 'double', decode: double, expression: (column) => `CAST(${column} AS DOUBLE PRECISION)` },
  decimal: { column: 'decimal', decode: text, expression: asText },
  string: { column: 'string', decode: text, expression: itself },
  char: { column: 'string', decode: text, expression: (column) => `RTRIM(${column})` },
  date: {
    column: 'date',
    decode: date,
    expression: (column) => `DATEDIFF(day, DATE '1970-01-01', ${column})`,
  },
  timestamp: { column: 'timestamp', decode: timestamp, expression: micros },
  timestamptz: {
    column: 'timestamp',
    decode: timestamp,
    expression: (column) => micros(`${column} AT TIME ZONE 'UTC'`),
  },
  cast_text: { column: 'string', decode: text, expression: asText },
  json: { column: 'json', decode: text, expression: (column) => `JSON_SERIALIZE(${column})` },
} as const satisfies Readonly<Record<string, TypeRule>>

export type TypeRuleName = keyof typeof typeRules

/** As `format_type` and the catalogue of late-binding views print types, without what stands in brackets. */
const byType: ReadonlyMap<string, TypeRuleName> = new Map([
  ['boolean', 'boolean'],
  ['smallint', 'integer'],
  ['integer', 'integer'],
  ['bigint', 'integer'],
  ['oid', 'integer'],
  ['real', 'double'],
  ['double precision', 'double'],
  ['numeric', 'decimal'],
  ['character varying', 'string'],
  ['text', 'string'],
  ['character', 'char'],
  ['date', 'date'],
  ['timestamp without time zone', 'timestamp'],
  ['timestamp with time zone', 'timestamptz'],
  ['time without time zone', 'cast_text'],
  ['time with time zone', 'cast_text'],
  ['super', 'json'],
])

/** null for a type that this version does not read. */
export function ruleOf(sourceType: string): TypeRuleName | null {
  return byType.get(baseOf(sourceType)) ?? null
}

/** `numeric(12,2)` is numeric, `"super"` is super, `timestamp(6) without time zone` has its size in the middle. */
function baseOf(sourceType: string): string {
  return sourceType
    .toLowerCase()
    .replaceAll('"', '')
    .replace(/\([0-9, ]*\)/, '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/^.*\.(super)$/, '$1')
}
