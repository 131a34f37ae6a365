import { databricksChecksum, rowChecksumSql } from '@millrace/domain/identity/row-checksum-sql.ts'
import { microsOf, timeText } from '../time-text.ts'
import { quoteName } from './identifiers.ts'
import { type TypeRuleName, textOf, typeRules } from './types.ts'

export type StatementColumn = { readonly name: string; readonly rule: TypeRuleName }

/** Rows with `from` < t <= `to`; null `from` = from the beginning, null `to` = without an end. */
export type TimeRange = { readonly column: StatementColumn; readonly from: string | null; readonly to: string | null }

/** What a statement reads. `from` is SQL: a table with its version, or a view. */
export type Reading = {
  readonly from: string
  readonly columns: readonly StatementColumn[]
  readonly range: TimeRange | null
}

/** One of `of` parts into which the rows fall by a hash. */
export type Part = { readonly part: number; readonly of: number }

const leftOutMax = 1_000_001

/** The table as it was at a version. */
export function atVersion(table: string, version: number): string {
  return `${table} VERSION AS OF ${Math.trunc(version)}`
}

/** The columns in the form in which checksums take them: c0, c1 … */
export function carriedStatement({ from, columns, range }: Reading): string {
  const list = columns.map(({ name, rule }, i) => `${typeRules[rule].carry(quoteName(name))} AS c${i}`)
  return `SELECT ${list.join(', ')}\nFROM ${from}${where(range)}`
}

/** The rows of a part, every value as text. */
export function rowsStatement(reading: Reading, part: Part): string {
  return `SELECT ${texts(reading.columns)}
FROM (${carriedStatement(reading)}) AS r${part.of === 1 ? '' : `\nWHERE ${isInPart(hashed(reading.columns), part)}`}`
}

/** The first rows; which ones those are is Databricks' choice. */
export function previewStatement(reading: Reading, rowsMax: number): string {
  return `SELECT ${texts(reading.columns)}
FROM (${carriedStatement(reading)}
LIMIT ${Math.trunc(rowsMax)}) AS r`
}

/** n = the number of rows; t = the latest time among them, in the unit in which it is carried. */
export function sizeStatement({ from, range }: Pick<Reading, 'from' | 'range'>): string {
  const latest = range === null ? 'NULL' : typeRules[range.column.rule].carry(quoteName(range.column.name))
  return `SELECT CAST(COUNT(*) AS STRING) AS n, CAST(MAX(${latest}) AS STRING) AS t\nFROM ${from}${where(range)}`
}

/** n = how many rows no append run reads, since they have no insert time. */
export function leftOutStatement(from: string, column: StatementColumn): string {
  return `SELECT CAST(COUNT(*) AS STRING) AS n
FROM (SELECT 1 AS one FROM ${from} WHERE ${quoteName(column.name)} IS NULL LIMIT ${leftOutMax}) AS r`
}

/** n = how many rows are identical to another one. */
export function identicalStatement(reading: Reading): string {
  return `SELECT CAST(COUNT(*) - COUNT(DISTINCT h) AS STRING) AS n
FROM (SELECT ${checksum(reading.columns)} AS h
FROM (${carriedStatement(reading)}) AS r) AS q`
}

/**
 * Of the rows that are read: a = those up to `lo`, which the last run has read as well; b = those after `after`, which the next
 * one will read again. Both ends are in the unit in which the column is carried.
 */
export function overlapStatement(
  reading: Reading,
  place: { readonly position: number; readonly lo: bigint | null; readonly after: bigint; readonly distinct: boolean },
): string {
  const { position, lo, after, distinct } = place
  const count = (condition: string) =>
    distinct ? `COUNT(DISTINCT CASE WHEN ${condition} THEN h END)` : `COUNT(CASE WHEN ${condition} THEN 1 END)`
  const known = lo === null ? '0' : count(`t <= ${lo}`)
  return `SELECT CAST(${known} AS STRING) AS a, CAST(${count(`t > ${after}`)} AS STRING) AS b
FROM (SELECT c${position} AS t${distinct ? `, ${checksum(reading.columns)} AS h` : ''}
FROM (${carriedStatement(reading)}) AS r) AS q`
}

/** The checksum of carried columns, hexadecimal; `names` default c0, c1 … */
export function checksum(columns: readonly StatementColumn[], names = columns.map((_, i) => `c${i}`)): string {
  const carried = columns.map(({ rule }, i) => ({ type: typeRules[rule].column, sql: names[i]! }))
  return rowChecksumSql(databricksChecksum, carried).checksum
}

/** Every carried column as text; `of` the row they are fields of, `as` the prefix of their names. */
export function texts(columns: readonly StatementColumn[], of = '', as = 'c'): string {
  return columns.map(({ rule }, i) => `${textOf(rule, `${of}c${i}`)} AS ${as}${i}`).join(', ')
}

export function isInPart(hash: string, { part, of }: Part): string {
  return `PMOD(${hash}, ${Math.trunc(of)}) = ${Math.trunc(part)}`
}

/** By the columns that cost nothing to carry, when there are any. */
function hashed(columns: readonly StatementColumn[]): string {
  const names = columns.map((_, i) => `c${i}`)
  const cheap = names.filter((_, i) => typeRules[columns[i]!.rule].column !== 'json')
  return `XXHASH64(${(cheap.length > 0 ? cheap : names).join(', ')})`
}

function where(range: TimeRange | null): string {
  if (range === null) return ''
  const { column, from, to } = range
  const name = quoteName(column.name)
  const lower = from === null ? `${name} IS NOT NULL` : `${name} > ${timeLiteral(column, from)}`
  return `\nWHERE ${lower}${to === null ? '' : ` AND ${name} <= ${timeLiteral(column, to)}`}`
}

function timeLiteral({ rule }: StatementColumn, text: string): string {
  // What goes into a statement is digits and punctuation that were read as a time.
  const safe = timeText(microsOf(text))
  if (rule === 'date') return `DATE '${safe.slice(0, 10)}'`
  if (rule === 'timestamp_ntz') return `TIMESTAMP_NTZ '${safe}'`
  if (rule === 'timestamp') return `TIMESTAMP '${safe}+00:00'`
  throw new Error(`${rule} tells no time`)
}
