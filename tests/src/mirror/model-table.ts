import type { ColumnType } from '@millrace/domain/row-schema.ts'

export type ModelColumn = { readonly name: string; readonly type: ColumnType }

/**
 * A value by the type of its column: boolean; integer bigint; double number; decimal its shortest text; string and json text;
 * bytes hexadecimal text; timestamp bigint of microseconds; date number of days since 1970-01-01.
 */
export type Cell = string | number | bigint | boolean | null

/** As many cells as the table has columns. */
export type ModelRow = readonly Cell[]

/** A table as it stands between two runs. */
export type ModelTable = {
  readonly name: string
  readonly columns: readonly ModelColumn[]
  /** Columns of the primary key; none = a row is told by all of its columns. */
  readonly key: readonly string[]
  readonly rows: readonly ModelRow[]
}

/** One statement on a table. `row` is a whole row; of identical ones, one is meant, unless `all`. */
export type Dml =
  | { readonly kind: 'insert'; readonly rows: readonly ModelRow[] }
  | { readonly kind: 'update'; readonly row: ModelRow; readonly to: ModelRow; readonly all: boolean }
  | { readonly kind: 'delete'; readonly row: ModelRow; readonly all: boolean }
  | { readonly kind: 'add_column'; readonly column: ModelColumn }

/** Text that is the same for identical rows only; NULLs at the end do not count, so that a column added without values changes nothing. */
export function rowText(row: ModelRow): string {
  const solid = row.slice(0, row.findLastIndex((cell) => cell !== null) + 1)
  return solid.map(cellText).join('|')
}

/** Text of a row's identity: its key, or the whole row of a table without one. */
export function identityText({ columns, key }: Pick<ModelTable, 'columns' | 'key'>, row: ModelRow): string {
  if (key.length === 0) return rowText(row)
  return key.map((name) => cellText(row[columns.findIndex((column) => column.name === name)] ?? null)).join('|')
}

/** Rows by identity; of several that have one, the first. */
export function byIdentity(table: ModelTable): Map<string, ModelRow> {
  const rows = new Map<string, ModelRow>()
  for (const row of table.rows) {
    const identity = identityText(table, row)
    if (!rows.has(identity)) rows.set(identity, row)
  }
  return rows
}

function cellText(cell: Cell): string {
  if (cell === null) return 'null'
  if (Object.is(cell, -0)) return 'number -0'
  return `${typeof cell} ${JSON.stringify(String(cell))}`
}
