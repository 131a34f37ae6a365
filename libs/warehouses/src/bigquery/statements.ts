import { shown } from '../shown.ts'
import { microsOf, timeText } from '../time-text.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { FoundTable, TableColumn } from './catalog.ts'
import { quoteColumn } from './identifiers.ts'
import { decodes, type TypeRuleName, typeRules } from './types.ts'

/** Rows of a run are kept this long when nobody removes them: every retry of a run ends before. */
export const resultsHours = 72

/** What a statement reads from. `at`: as the table was then; null = as it is. */
export type Origin = { readonly quotedTable: string; readonly at: string | null }

/** lo - overlap < t <= hi; `from` is the lower end after the overlap, null = from the beginning. */
export type TimeRange = { readonly column: TableColumn; readonly from: string | null; readonly hi: string }

/** The server's own clock: a moment of the past is what tables are read at. */
export const nowStatement = 'SELECT UNIX_MICROS(CURRENT_TIMESTAMP())'

/** Which columns tell a time, and the type of literals that they are compared with. */
const timeTypes: Partial<Record<TypeRuleName, string>> = { timestamp: 'TIMESTAMP', datetime: 'DATETIME', date: 'DATE' }

/** Throws `insert_time_column_invalid` unless rows can be found by the column. */
export function checkTimeColumn(found: FoundTable, column: TableColumn): void {
  if (found.partitioning.kind === 'ingestion_time')
    throw new WarehouseError(
      'insert_time_column_invalid',
      `${shown(found.table)} is partitioned by ingestion time, which append cannot use.`,
      'Partition the table by the insert-time column, or sync a view of it.',
    )
  if (timeTypes[column.rule] === undefined)
    throw new WarehouseError(
      'insert_time_column_invalid',
      `The column ${JSON.stringify(column.name)} has the type ${column.sourceType}, which tells no time.`,
      'Choose a column of type TIMESTAMP, DATETIME or DATE.',
    )
}

/**
 * The latest insert time after `lo`, and how many rows have none. The condition stands there from the first run on: it lets BigQuery skip partitions,
 * and tables that require a filter on their partitions have one.
 */
export function latestStatement(origin: Origin, column: TableColumn, lo: string | null): string {
  const name = quoteColumn(column.name)
  const condition = lo === null ? `${name} >= ${firstTime(column)}` : `${name} > ${timeLiteral(column, lo)}`
  const hi = typeRules[column.rule].expression(`MAX(${name})`)
  return `SELECT ${hi} AS hi, COUNTIF(${name} IS NULL) AS left_out
FROM ${originSql(origin)}
WHERE ${condition} OR ${name} IS NULL`
}

/** The rows of a run, into a table of their own that removes itself. */
export function readStatement(
  origin: Origin,
  columns: readonly TableColumn[],
  range: TimeRange | null,
  quotedResults: string,
): string {
  return `CREATE TABLE ${quotedResults}
OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL ${resultsHours} HOUR))
AS ${selectStatement(origin, columns, range)}`
}

export function selectStatement(origin: Origin, columns: readonly TableColumn[], range: TimeRange | null): string {
  const expressions = columns.map(({ name, rule }, i) => `${typeRules[rule].expression(quoteColumn(name))} AS c${i}`)
  return `SELECT\n  ${expressions.join(',\n  ')}\nFROM ${originSql(origin)}${where(range)}`
}

/** Some rows for a preview; of a large table only `percent` of its blocks are read. */
export function previewStatement(
  origin: Origin,
  columns: readonly TableColumn[],
  percent: number,
  rowsMax: number,
): string {
  const sample = percent < 100 ? `\nTABLESAMPLE SYSTEM (${Math.max(1, Math.trunc(percent))} PERCENT)` : ''
  return `${selectStatement(origin, columns, null)}${sample}\nLIMIT ${Math.trunc(rowsMax)}`
}

/** How many rows are identical to an earlier one. */
export function identicalStatement(quotedResults: string, rules: readonly TypeRuleName[]): string {
  return `SELECT COUNT(*) - COUNT(DISTINCT row_hash) AS identical
FROM (SELECT ${rowHash(rules)} AS row_hash
FROM ${quotedResults})`
}

/**
 * Of a run's rows: those up to `lo`, which the last run has read as well, and those after `after`, which the next one
 * will read again. Both ends are in the unit of the column as it was read.
 */
export function overlapStatement(
  quotedResults: string,
  rules: readonly TypeRuleName[],
  place: { readonly position: number; readonly lo: bigint | null; readonly after: bigint; readonly distinct: boolean },
): string {
  const { position, lo, after, distinct } = place
  const count = (condition: string) =>
    distinct ? `COUNT(DISTINCT IF(${condition}, row_hash, NULL))` : `COUNTIF(${condition})`
  return `SELECT ${lo === null ? '0' : count(`t <= ${lo}`)} AS before, ${count(`t > ${after}`)} AS again
FROM (SELECT c${position} AS t${distinct ? `, ${rowHash(rules)} AS row_hash` : ''}
FROM ${quotedResults})`
}

/**
 * Two rows have the same hash when each of their values has the same text, length first, so that no two rows share an
 * encoding: it tells apart what row ids tell apart, and nothing else.
 */
function rowHash(rules: readonly TypeRuleName[]): string {
  const values = rules.map((rule, i) => {
    const text = comparable(`c${i}`, typeRules[rule].decode)
    return `IF(c${i} IS NULL, 'n', CONCAT(CAST(BYTE_LENGTH(${text}) AS STRING), ':', ${text}))`
  })
  return `SHA256(CONCAT(\n  ${values.join(',\n  ')}))`
}

function comparable(column: string, decode: number): string {
  switch (decode) {
    case decodes.text:
      return column
    case decodes.bytes:
      return `TO_BASE64(${column})`
    case decodes.double:
      // 17 digits tell every double apart, and -0 from 0.
      return `FORMAT('%.17g', ${column})`
    default:
      return `CAST(${column} AS STRING)`
  }
}

/** What stands behind FROM. */
export function originSql({ quotedTable, at }: Origin): string {
  return at === null ? quotedTable : `${quotedTable} FOR SYSTEM_TIME AS OF TIMESTAMP '${safe(at)}+00'`
}

function where(range: TimeRange | null): string {
  if (range === null) return ''
  const { column, from: after, hi } = range
  const name = quoteColumn(column.name)
  const above = after === null ? `${name} >= ${firstTime(column)}` : `${name} > ${timeLiteral(column, after)}`
  return `\nWHERE ${above} AND ${name} <= ${timeLiteral(column, hi)}`
}

function firstTime(column: TableColumn): string {
  return timeLiteral(column, '0001-01-01 00:00:00.000000')
}

/** Constants in the text, not parameters: partitions are surely skipped by them. */
function timeLiteral({ rule }: TableColumn, text: string): string {
  const type = timeTypes[rule]
  if (type === undefined) throw new Error(`${rule} tells no time`)
  if (type === 'DATE') return `DATE '${safe(text).slice(0, 10)}'`
  return `${type} '${safe(text)}${type === 'TIMESTAMP' ? '+00' : ''}'`
}

/** What goes into a statement is digits and punctuation that were read as a time. */
function safe(text: string): string {
  return timeText(microsOf(text))
}
