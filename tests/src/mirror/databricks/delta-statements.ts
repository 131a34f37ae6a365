import type { ColumnType } from '@millrace/domain/row-schema.ts'
import type { Cell, Dml, ModelColumn, ModelRow, ModelTable } from '../model-table.ts'
import { rowText } from '../model-table.ts'

export const deltaTypes: Readonly<Record<ColumnType, string>> = {
  boolean: 'BOOLEAN',
  integer: 'BIGINT',
  double: 'DOUBLE',
  decimal: 'DECIMAL(38,9)',
  string: 'STRING',
  json: 'VARIANT',
  bytes: 'BINARY',
  timestamp: 'TIMESTAMP',
  date: 'DATE',
}

/** Statements of Databricks that do to a table what is asked. Of identical rows one cannot be named, so all go and all but one come back. */
export function deltaStatements(table: string, { columns, rows }: ModelTable, dml: Dml): readonly string[] {
  if (dml.kind === 'add_column') return [`ALTER TABLE ${table} ADD COLUMN ${columnText(dml.column)}`]
  if (dml.kind === 'insert') return [insert(table, columns, dml.rows)]
  const same = `WHERE ${columns.map((column, i) => isSame(column, dml.row[i] ?? null)).join(' AND ')}`
  const text = rowText(dml.row)
  const count = rows.filter((row) => rowText(row) === text).length
  const rest = dml.all ? [] : Array.from({ length: Math.max(0, count - 1) }, () => dml.row)
  if (dml.kind === 'delete')
    return [`DELETE FROM ${table} ${same}`, ...(rest.length > 0 ? [insert(table, columns, rest)] : [])]
  if (rest.length > 0) return [`DELETE FROM ${table} ${same}`, insert(table, columns, [...rest, dml.to])]
  const values = columns.map((column, i) => `${name(column)} = ${literal(column, dml.to[i] ?? null)}`)
  return [`UPDATE ${table} SET ${values.join(', ')} ${same}`]
}

export function columnText(column: ModelColumn): string {
  return `${name(column)} ${deltaTypes[column.type]}`
}

function insert(table: string, columns: readonly ModelColumn[], rows: readonly ModelRow[]): string {
  const selects = rows.map((row) => `SELECT ${columns.map((column, i) => literal(column, row[i] ?? null)).join(', ')}`)
  return `INSERT INTO ${table} ${selects.join(' UNION ALL ')}`
}

/** 0 = -0 for Spark and not for us, and a variant has no comparison. */
function isSame(column: ModelColumn, cell: Cell): string {
  const value = literal(column, cell)
  if (column.type === 'double') return `CAST(${name(column)} AS STRING) <=> CAST(${value} AS STRING)`
  if (column.type === 'json') return `TO_JSON(${name(column)}) <=> TO_JSON(${value})`
  return `${name(column)} <=> ${value}`
}

function literal({ type }: ModelColumn, cell: Cell): string {
  if (cell === null) return `CAST(NULL AS ${deltaTypes[type]})`
  switch (type) {
    case 'boolean':
      return cell ? 'TRUE' : 'FALSE'
    case 'timestamp':
      return `TIMESTAMP_MICROS(${cell})`
    case 'date':
      return `DATE_FROM_UNIX_DATE(${cell})`
    case 'bytes':
      return `X'${cell}'`
    case 'json':
      return `PARSE_JSON(${quoted(String(cell))})`
    default:
      return `CAST(${quoted(Object.is(cell, -0) ? '-0' : String(cell))} AS ${deltaTypes[type]})`
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

function name(column: ModelColumn): string {
  return `\`${column.name}\``
}
