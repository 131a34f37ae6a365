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

/** Names of types in SQL; without bytes where there are no such columns. */
export type SqlTypes = Readonly<Partial<Record<ColumnType, string>>>

/** A statement on a table as SQL of Postgres, or of the one behind the stand-in for Redshift; `columns` are those that the table has. */
export function postgresStatement(
  table: string,
  columns: readonly ModelColumn[],
  dml: Dml,
  types: SqlTypes = redshiftTypes,
): string {
  if (dml.kind === 'add_column') return `ALTER TABLE ${table} ADD COLUMN ${columnText(dml.column, types)}`
  if (dml.kind === 'insert')
    return `INSERT INTO ${table} VALUES ${dml.rows.map((row) => `(${literals(columns, row, types).join(', ')})`).join(', ')}`
  const same = columns.map((column, i) => {
    const cell = dml.row[i] ?? null
    // As text: 0 = -0 for the engine and not for us, and json has no comparison.
    return `${name(column)}::text IS NOT DISTINCT FROM ${literal(column, cell, types)}::text`
  })
  const condition = same.join(' AND ')
  const where = dml.all ? condition : `ctid = (SELECT ctid FROM ${table} WHERE ${condition} LIMIT 1)`
  if (dml.kind === 'delete') return `DELETE FROM ${table} WHERE ${where}`
  const values = literals(columns, dml.to, types)
  return `UPDATE ${table} SET ${columns.map((column, i) => `${name(column)} = ${values[i]}`).join(', ')} WHERE ${where}`
}

export function columnText(column: ModelColumn, types: SqlTypes = redshiftTypes): string {
  return `${name(column)} ${typeOf(column, types)}`
}

function literals(columns: readonly ModelColumn[], row: ModelRow, types: SqlTypes): string[] {
  return columns.map((column, i) => literal(column, row[i] ?? null, types))
}

function literal(column: ModelColumn, cell: Cell, types: SqlTypes): string {
  if (cell === null) return `NULL::${typeOf(column, types)}`
  return `${quoted(textOf(column, cell))}::${typeOf(column, types)}`
}

function textOf({ type }: ModelColumn, cell: Cell): string {
  if (type === 'timestamp') return timestampText(cell as bigint)
  if (type === 'date') return dateText(cell as number)
  if (type === 'bytes') return `\\x${cell}`
  return Object.is(cell, -0) ? '-0' : String(cell)
}

function quoted(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

function name(column: ModelColumn): string {
  return `"${column.name}"`
}

function typeOf({ type }: ModelColumn, types: SqlTypes): string {
  const sqlType = types[type]
  if (sqlType === undefined) throw new Error(`there are no columns of ${type} that a sync takes`)
  return sqlType
}
