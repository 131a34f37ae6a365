import type { ColumnType } from '@millrace/domain/row-schema.ts'

/**
 * Which column type a Databricks type becomes, the expression that carries it, and how its text comes out. Every run reads
 * through a query, and every value arrives as text: the driver would make a number of a DECIMAL or a BIGINT.
 *
 * | Databricks                       | column    | carried as                        | text                          |
 * | -------------------------------- | --------- | --------------------------------- | ----------------------------- |
 * | BOOLEAN                          | boolean   | itself                            | true, false                   |
 * | TINYINT, SMALLINT, INT, BIGINT   | integer   | BIGINT                            | exact                         |
 * | FLOAT, DOUBLE                    | double    | DOUBLE                            | digits that read back the same |
 * | DECIMAL                          | decimal   | STRING                            | exact, all places: 12.50      |
 * | STRING, VARCHAR, CHAR            | string    | itself                            |                               |
 * | BINARY                           | bytes     | itself                            | hexadecimal                   |
 * | DATE                             | date      | days since 1970                   |                               |
 * | TIMESTAMP                        | timestamp | microseconds since 1970           |                               |
 * | TIMESTAMP_NTZ                    | timestamp | the same, read as UTC             |                               |
 * | STRUCT, ARRAY, MAP, VARIANT      | json      | to_json, NULL fields included     |                               |
 * | INTERVAL                         | string    | STRING                            |                               |
 *
 * GEOGRAPHY, GEOMETRY, OBJECT and VOID are refused. Sessions are in UTC and in ANSI mode: else decimals could come as 0E-9.
 * https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-datatypes
 */
export type TypeRule = {
  readonly column: ColumnType
  /** SQL of the value in the form in which checksums take it, from the quoted name of the column. */
  readonly carry: (column: string) => string
}

const itself = (column: string) => column
const asText = (column: string) => `CAST(${column} AS STRING)`

export const typeRules = {
  boolean: { column: 'boolean', carry: itself },
  integer: { column: 'integer', carry: (column) => `CAST(${column} AS BIGINT)` },
  double: { column: 'double', carry: (column) => `CAST(${column} AS DOUBLE)` },
  decimal: { column: 'decimal', carry: asText },
  string: { column: 'string', carry: asText },
  bytes: { column: 'bytes', carry: itself },
  date: { column: 'date', carry: (column) => `UNIX_DATE(${column})` },
  timestamp: { column: 'timestamp', carry: (column) => `UNIX_MICROS(${column})` },
  timestamp_ntz: { column: 'timestamp', carry: (column) => `UNIX_MICROS(CAST(${column} AS TIMESTAMP))` },
  nested: { column: 'json', carry: (column) => `TO_JSON(${column}, MAP('ignoreNullFields', 'false'))` },
  variant: { column: 'json', carry: (column) => `TO_JSON(${column})` },
  interval: { column: 'string', carry: asText },
} as const satisfies Readonly<Record<string, TypeRule>>

export type TypeRuleName = keyof typeof typeRules

const byType: ReadonlyMap<string, TypeRuleName> = new Map([
  ['boolean', 'boolean'],
  ['tinyint', 'integer'],
  ['smallint', 'integer'],
  ['int', 'integer'],
  ['bigint', 'integer'],
  ['float', 'double'],
  ['double', 'double'],
  ['decimal', 'decimal'],
  ['string', 'string'],
  ['varchar', 'string'],
  ['char', 'string'],
  ['binary', 'bytes'],
  ['date', 'date'],
  ['timestamp', 'timestamp'],
  ['timestamp_ntz', 'timestamp_ntz'],
  ['struct', 'nested'],
  ['array', 'nested'],
  ['map', 'nested'],
  ['variant', 'variant'],
  ['interval', 'interval'],
])

/** null for a type that this version does not read. `decimal(12,2)`, `array<int>`, `string collate UTF8_LCASE` go by their first word. */
export function ruleOf(sourceType: string): TypeRuleName | null {
  return byType.get(/^[a-z_]+/.exec(sourceType.toLowerCase())?.[0] ?? '') ?? null
}

/** The text of a carried value, as `RowEncoder` reads it. */
export function textOf(rule: TypeRuleName, carried: string): string {
  switch (typeRules[rule].column) {
    case 'decimal':
    case 'string':
    case 'json':
      return carried
    case 'bytes':
      return `HEX(${carried})`
    default:
      return `CAST(${carried} AS STRING)`
  }
}
