import type { ColumnType } from '@millrace/domain/row-schema.ts'
import type { Cell, Dml, ModelColumn, ModelRow } from '../model-table.ts'
import { dateText, timestampText } from '../model-time.ts'

/** The types of Redshift as its stand-in knows them; there are no columns of bytes. */
export const redshiftTypes: Readonly<Record<Exclude<ColumnType, 'bytes'>, string>> = {
  boolean: 'boolean',
  integer: 'bigint',
  double: 'double precision',
  decimal: 'numeric(38,9)',
  string: 'varchar(4096)',
  json: 'redshift.super',
  timestamp: 'timestamptz',
  date: 'date',
}

/** A statement on a table as SQL of the Postgres behind the stand-in; `columns` are those that the table has. */
export function postgresStatement(table: string, columns: readonly ModelColumn[], dml: Dml): string {
  if (dml.kind === 'add_column') return `ALTER TABLE ${table} ADD COLUMN ${name(dml.column)} ${typeOf(dml.column)}`
  if (dml.kind === 'insert')
    return `INSERT INTO ${table} VALUES ${dml.rows.map((row) => `(${literals(columns, row).join(', ')})`).join(', ')}`
  const same = columns.map((column, i) => {
    const cell = dml.row[i] ?? null
    // As text: 0 = -0 for the engine and not for us, and json has no comparison.
    return `${name(column)}::text IS NOT DISTINCT FROM ${literal(column, cell)}::text`
  })
  const condition = same.join(' AND ')
  const where = dml.all ? condition : `ctid = (SELECT ctid FROM ${table} WHERE ${condition} LIMIT 1)`
  if (dml.kind === 'delete') return `DELETE FROM ${table} WHERE ${where}`
  const values = literals(columns, dml.to)
  return `UPDATE ${table} SET ${columns.map((column, i) => `${name(column)} = ${values[i]}`).join(', ')} WHERE ${where}`
}

export function columnText(column: ModelColumn): string {
  return `${name(column)} ${typeOf(column)}`
}

function literals(columns: readonly ModelColumn[], row: ModelRow): string[] {
  return columns.map((column, i) => literal(column, row[i] ?? null))
}

function literal(column: ModelColumn, cell: Cell): string {
  if (cell === null) return `NULL::${typeOf(column)}`
  return `${quoted(textOf(column, cell))}::${typeOf(column)}`
}

function textOf({ type }: ModelColumn, cell: Cell): string {
  if (type === 'timestamp') return timestampText(cell as bigint)
  if (type === 'date') return dateText(cell as number)
  return Object.is(cell, -0) ? '-0' : String(cell)
}

function quoted(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

function name(column: ModelColumn): string {
  return `"${column.name}"`
}

function typeOf({ type }: ModelColumn): string {
  if (type === 'bytes') throw new Error('Redshift has no columns of bytes that a sync takes')
  return redshiftTypes[type]
}
