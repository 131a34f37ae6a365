import type { Cell, Dml, ModelColumn, ModelRow } from '../model-table.ts'
import { dateText, timestampText } from '../model-time.ts'

/** A change of rows as DuckDB's SQL; `$table` stands for the table, which has the columns. */
export function duckdbStatement(columns: readonly ModelColumn[], dml: Exclude<Dml, { kind: 'add_column' }>): string {
  if (dml.kind === 'insert')
    return `INSERT INTO $table VALUES ${dml.rows.map((row) => `(${values(columns, row)})`).join(', ')}`
  const same = columns.map((column, i) => `${name(column)} IS NOT DISTINCT FROM ${literal(column, dml.row[i] ?? null)}`)
  // 0 = -0 for the engine, and not for us.
  const signs = columns.flatMap((column, i) =>
    column.type === 'double' && dml.row[i] === 0
      ? [`${name(column)}::VARCHAR ${Object.is(dml.row[i], -0) ? '=' : '<>'} '-0.0'`]
      : [],
  )
  const condition = [...same, ...signs].join(' AND ')
  const where = dml.all ? condition : `rowid IN (SELECT rowid FROM $table WHERE ${condition} LIMIT 1)`
  if (dml.kind === 'delete') return `DELETE FROM $table WHERE ${where}`
  const set = columns.map((column, i) => `${name(column)} = ${literal(column, dml.to[i] ?? null)}`)
  return `UPDATE $table SET ${set.join(', ')} WHERE ${where}`
}

function values(columns: readonly ModelColumn[], row: ModelRow): string {
  return columns.map((column, i) => literal(column, row[i] ?? null)).join(', ')
}

function name(column: ModelColumn): string {
  return `"${column.name}"`
}

const types = {
  boolean: 'BOOLEAN',
  integer: 'BIGINT',
  double: 'DOUBLE',
  decimal: 'DECIMAL(38,9)',
  string: 'VARCHAR',
  json: 'JSON',
  bytes: 'BLOB',
  timestamp: 'TIMESTAMPTZ',
  date: 'DATE',
} as const

function literal({ type }: ModelColumn, cell: Cell): string {
  if (cell === null) return `NULL::${types[type]}`
  if (type === 'bytes') return `from_hex('${cell}')`
  if (type === 'timestamp') return `'${timestampText(cell as bigint)}'::TIMESTAMPTZ`
  if (type === 'date') return `'${dateText(cell as number)}'::DATE`
  if (type === 'double') return `'${Object.is(cell, -0) ? '-0.0' : cell}'::DOUBLE`
  const text = String(cell).replaceAll("'", "''").replaceAll('\0', "' || chr(0) || '")
  return `('${text}')::${types[type]}`
}
