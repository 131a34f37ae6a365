import { redshiftChecksum, rowChecksumSql } from '@millrace/domain/identity/row-checksum-sql.ts'
import { microsOf, timeText } from '../time-text.ts'
import type { TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { TableColumn } from './catalog.ts'
import { quoteName, quoteTable } from './identifiers.ts'
import { type TypeRuleName, typeRules } from './types.ts'

/** Rows after `from`; null = from the beginning. */
export type TimeBound = { readonly column: TableColumn; readonly from: string | null }

/** Rows without an insert time are counted up to here. */
const leftOutMax = 1_000_000

/** Which columns tell a time, and the type of literals that they are compared with. */
const timeTypes: Partial<Record<TypeRuleName, string>> = {
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  date: 'DATE',
}

/** Throws `insert_time_column_invalid` unless rows can be found by the column. */
export function checkTimeColumn(column: TableColumn): void {
  if (timeTypes[column.rule] !== undefined) return
  throw new WarehouseError(
    'insert_time_column_invalid',
    `The column ${JSON.stringify(column.name)} has the type ${column.sourceType}, which tells no time.`,
    'Choose a column of type TIMESTAMP, TIMESTAMPTZ or DATE.',
  )
}

/** Statements that must run before one that turns doubles into text: all 17 digits. */
export function prelude(rules: readonly TypeRuleName[]): readonly string[] {
  return rules.some((rule) => rule === 'double') ? ['SET extra_float_digits TO 2'] : []
}

/** A run's rows, in a table of their own: one statement, so one moment of the table. */
export function setAsideStatement(
  table: TableRef,
  columns: readonly TableColumn[],
  bound: TimeBound | null,
  results: TableRef,
): string {
  return `CREATE TABLE ${quoteTable(results)} AS\n${selectStatement(table, columns, bound)}`
}

/** The columns of a table in the forms of types.ts, called c0, c1 … */
export function selectStatement(
  table: TableRef,
  columns: readonly Pick<TableColumn, 'name' | 'rule'>[],
  bound: TimeBound | null,
): string {
  const expressions = columns.map(({ name, rule }, i) => `${typeRules[rule].expression(quoteName(name))} AS c${i}`)
  return `SELECT\n  ${expressions.join(',\n  ')}\nFROM ${quoteTable(table)}${where(bound)}`
}

export function previewStatement(table: TableRef, columns: readonly TableColumn[], rowsMax: number): string {
  // As text: numbers of the Data API come as doubles of JavaScript.
  const forms = columns.map(({ rule }, i) => `CAST(${fileForm(rule, i)} AS VARCHAR) AS c${i}`)
  return `SELECT ${forms.join(', ')}
FROM (${selectStatement(table, columns, null)}
LIMIT ${Math.trunc(rowsMax)}) AS t`
}

/** How many rows no append run reads, since they have no insert time. */
export function leftOutStatement(table: TableRef, column: TableColumn): string {
  return `SELECT COUNT(*)
FROM (SELECT 1 AS one FROM ${quoteTable(table)} WHERE ${quoteName(column.name)} IS NULL LIMIT ${leftOutMax}) AS t`
}

/** The number of a run's rows and, with `position`, the latest time among them, in the unit of the column. */
export function sizeStatement(results: TableRef, position: number | null): string {
  const latest = position === null ? 'NULL' : `CAST(MAX(c${position}) AS VARCHAR)`
  return `SELECT COUNT(*), ${latest}\nFROM ${quoteTable(results)}`
}

/** How many rows are identical to an earlier one. */
export function identicalStatement(results: TableRef, rules: readonly TypeRuleName[]): string {
  return `SELECT COUNT(*) - COUNT(DISTINCT h)
FROM (SELECT ${checksum(rules)} AS h
FROM ${quoteTable(results)}) AS t`
}

/**
 * Of a run's rows: those up to `lo`, which the last run has read as well, and those after `after`, which the next one
 * will read again. Both ends are in the unit of the column as it was read.
 */
export function overlapStatement(
  results: TableRef,
  rules: readonly TypeRuleName[],
  place: { readonly position: number; readonly lo: bigint | null; readonly after: bigint; readonly distinct: boolean },
): string {
  const { position, lo, after, distinct } = place
  const count = (condition: string) =>
    distinct ? `COUNT(DISTINCT CASE WHEN ${condition} THEN h END)` : `COUNT(CASE WHEN ${condition} THEN 1 END)`
  return `SELECT ${lo === null ? '0' : count(`t <= ${lo}`)}, ${count(`t > ${after}`)}
FROM (SELECT c${position} AS t${distinct ? `, ${checksum(rules)} AS h` : ''}
FROM ${quoteTable(results)}) AS r`
}

/** The checksum of columns that are in the forms of types.ts already; `names` default c0, c1 … */
export function checksum(rules: readonly TypeRuleName[], names = rules.map((_, i) => `c${i}`)): string {
  const columns = rules.map((rule, i) => ({ type: typeRules[rule].column, sql: names[i]! }))
  return rowChecksumSql(redshiftChecksum, columns).checksum
}

export const nullMark = '~'

/**
 * A value as it stands in a file: nothing for NULL. A text that is empty, or begins with the mark, gets the mark before it, so
 * that no text is taken for NULL, whatever Redshift makes of empty fields and of NULL AS.
 */
export function fileForm(rule: TypeRuleName, i: number, name = `c${i}`): string {
  if (rule === 'boolean') return `CASE WHEN ${name} THEN 't' WHEN NOT ${name} THEN 'f' END`
  const { column } = typeRules[rule]
  if (column !== 'string' && column !== 'json') return name
  return `CASE WHEN OCTET_LENGTH(${name}) = 0 OR LEFT(${name}, 1) = '${nullMark}' THEN '${nullMark}' || ${name} ELSE ${name} END`
}

function where(bound: TimeBound | null): string {
  if (bound === null) return ''
  const { column, from } = bound
  const name = quoteName(column.name)
  return from === null ? `\nWHERE ${name} IS NOT NULL` : `\nWHERE ${name} > ${timeLiteral(column, from)}`
}

function timeLiteral({ rule }: TableColumn, text: string): string {
  const type = timeTypes[rule]
  if (type === undefined) throw new Error(`${rule} tells no time`)
  // What goes into a statement is digits and punctuation that were read as a time.
  const safe = timeText(microsOf(text))
  if (type === 'DATE') return `DATE '${safe.slice(0, 10)}'`
  return `${type} '${safe}${type === 'TIMESTAMPTZ' ? '+00' : ''}'`
}
