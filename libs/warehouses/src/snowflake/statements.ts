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
  timestamp_ntz: 'TIMESTAMP_NTZ',
  timestamp_tz: 'TIMESTAMP_TZ',
  date: 'DATE',
}

/** Throws `insert_time_column_invalid` unless rows can be found by the column. */
export function checkTimeColumn(column: TableColumn): void {
  if (timeTypes[column.rule] !== undefined) return
  throw new WarehouseError(
    'insert_time_column_invalid',
    `The column ${JSON.stringify(column.name)} has the type ${column.sourceType}, which tells no time.`,
    'Choose a column of type TIMESTAMP_NTZ, TIMESTAMP_LTZ, TIMESTAMP_TZ or DATE.',
  )
}

/**
 * A run's rows, numbered from 1, in a table of their own: one statement, so one moment of the table. The numbers follow the order
 * in which Snowflake writes them, so a range of them is a few micro-partitions. Transient: no Fail-safe is paid for.
 */
export function setAsideStatement(
  database: string,
  table: TableRef,
  columns: readonly TableColumn[],
  bound: TimeBound | null,
  results: TableRef,
): string {
  return `CREATE TRANSIENT TABLE ${quoteTable(database, results)} AS
SELECT ROW_NUMBER() OVER (ORDER BY NULL) AS n,
  ${formsOf(columns).join(',\n  ')}
FROM ${quoteTable(database, table)}${where(bound)}`
}

/** The columns of a table in the forms of types.ts, called c0, c1 … */
export function formsOf(columns: readonly Pick<TableColumn, 'name' | 'rule'>[], letter = 'c'): readonly string[] {
  return columns.map(({ name, rule }, i) => `${typeRules[rule].expression(quoteName(name))} AS ${letter}${i}`)
}

export function previewStatement(
  database: string,
  table: TableRef,
  columns: readonly TableColumn[],
  rowsMax: number,
): string {
  return `SELECT ${formsOf(columns).join(', ')}
FROM ${quoteTable(database, table)}
LIMIT ${Math.trunc(rowsMax)}`
}

/** Rows `from` to `to` of a run, both included, in their order. */
export function readStatement(
  database: string,
  results: TableRef,
  columns: readonly string[],
  { from, to }: { readonly from: number; readonly to: number },
): string {
  return `SELECT ${columns.join(', ')}
FROM ${quoteTable(database, results)}
WHERE n BETWEEN ${Math.trunc(from)} AND ${Math.trunc(to)}
ORDER BY n`
}

/** How many rows no append run reads, since they have no insert time. */
export function leftOutStatement(database: string, table: TableRef, column: TableColumn): string {
  return `SELECT COUNT(*)
FROM (SELECT 1 AS one FROM ${quoteTable(database, table)} WHERE ${quoteName(column.name)} IS NULL LIMIT ${leftOutMax}) AS t`
}

/** The number of a run's rows and, with `position`, the latest time among them, in the unit of the column. */
export function sizeStatement(database: string, results: TableRef, position: number | null): string {
  const latest = position === null ? 'NULL' : `MAX(${numberOf(position)})`
  return `SELECT COUNT(*), ${latest}
FROM ${quoteTable(database, results)}`
}

/** How many rows are identical to an earlier one. */
export function identicalStatement(database: string, results: TableRef, count: number): string {
  const columns = Array.from({ length: count }, (_, i) => `c${i}`).join(', ')
  return `SELECT SUM(same - 1)
FROM (SELECT COUNT(*) AS same FROM ${quoteTable(database, results)} GROUP BY ${columns}) AS t`
}

/**
 * Of a run's rows: those up to `lo`, which the last run has read as well, and those after `after`, which the next one
 * will read again. Both ends are in the unit of the column as it was read. With `distinct` identical rows count once.
 */
export function overlapStatement(
  database: string,
  results: TableRef,
  place: {
    readonly position: number
    readonly columns: number
    readonly lo: bigint | null
    readonly after: bigint
    readonly distinct: boolean
  },
): string {
  const { position, columns, lo, after, distinct } = place
  const names = Array.from({ length: columns }, (_, i) => `c${i}`).join(', ')
  const from = `SELECT ${numberOf(position)} AS t FROM ${quoteTable(database, results)}${distinct ? ` GROUP BY ${names}` : ''}`
  return `SELECT ${lo === null ? '0' : `COUNT_IF(t <= ${lo})`}, COUNT_IF(t > ${after})
FROM (${from}) AS r`
}

function numberOf(position: number): string {
  return `TO_NUMBER(c${position}, 38, 0)`
}

function where(bound: TimeBound | null): string {
  if (bound === null) return ''
  const { column, from } = bound
  const name = quoteName(column.name)
  if (from === null) return `\nWHERE ${name} IS NOT NULL`
  return `\nWHERE ${name} > ${timeLiteral(column, from)}${sameMicrosecond(column, from)}`
}

/** Times are read without their nanoseconds: those of the last microsecond were read. */
function sameMicrosecond({ name, rule }: TableColumn, from: string): string {
  if (rule === 'date') return ''
  return ` AND DATE_PART(epoch_microsecond, ${quoteName(name)}) > ${microsOf(from)}`
}

function timeLiteral({ rule }: TableColumn, text: string): string {
  const type = timeTypes[rule]
  if (type === undefined) throw new Error(`${rule} tells no time`)
  // What goes into a statement is digits and punctuation that were read as a time.
  const safe = timeText(microsOf(text))
  if (type === 'DATE') return `'${safe.slice(0, 10)}'::DATE`
  return `'${safe}${type === 'TIMESTAMP_TZ' ? ' +00:00' : ''}'::${type}`
}
