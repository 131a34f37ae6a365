import { historyMark } from './cell-arbitrary.ts'
import type { Command, RowSample, Shape } from './history-arbitrary.ts'
import { type Cell, type Dml, identityText, type ModelRow, type ModelTable, rowText } from './model-table.ts'

export type Played = { readonly table: ModelTable; readonly dml: readonly Dml[] }

/**
 * What commands make of a table, and the statements that do it. Rows that have one key stay the same in all columns: which of different ones a
 * run takes is the warehouse's choice, so a change of one is a change of all, and a key that is taken is not given to another row.
 */
export function playCommands(shape: Shape, table: ModelTable, commands: readonly Command[]): Played {
  const dml: Dml[] = []
  for (const command of commands) {
    const statements = statementsOf(shape, table, command)
    for (const statement of statements) {
      dml.push(statement)
      table = changed(table, statement)
    }
  }
  return { table, dml }
}

/** The rows that a table begins with. */
export function firstRows(shape: Shape, table: ModelTable, samples: readonly RowSample[]): Played {
  return playCommands(
    shape,
    table,
    samples.map((row) => ({ kind: 'insert', row })),
  )
}

function statementsOf(shape: Shape, table: ModelTable, command: Command): readonly Dml[] {
  if (command.kind === 'insert') return insert(shape, table, rowOf(table, command.row))
  if (command.kind === 'add_column') return addColumn(shape, table, command)
  const all = table.key.length > 0
  if (command.kind === 'delete_share') {
    const count = Math.ceil((table.rows.length * command.percent) / 100)
    const texts = new Set(table.rows.slice(0, count).map(rowText))
    return table.rows.filter((row, i) => isFirst(table, row, i) && texts.has(rowText(row))).map(deleteAll)
  }
  const row = table.rows[command.at % Math.max(table.rows.length, 1)]
  if (row === undefined) return []
  if (command.kind === 'copy') return shape.hasUniqueKey ? [] : [{ kind: 'insert', rows: [row] }]
  if (command.kind === 'delete') return [{ kind: 'delete', row, all }]
  const fresh = rowOf(table, command.row)
  const names = shape.parts[command.part]
  const to = row.map((cell, i) => (names.includes(table.columns[i]?.name ?? '') ? (fresh[i] as Cell) : cell))
  const isTaken = identityText(table, to) !== identityText(table, row) && hasIdentity(table, to)
  return rowText(to) === rowText(row) || (all && isTaken) ? [] : [{ kind: 'update', row, to, all }]
}

/** A row whose key is there already takes the place of those that have it. */
function insert({ hasUniqueKey }: Shape, table: ModelTable, row: ModelRow): readonly Dml[] {
  const add: Dml = { kind: 'insert', rows: [row] }
  const identity = identityText(table, row)
  const old = table.key.length === 0 ? undefined : table.rows.find((each) => identityText(table, each) === identity)
  if (old === undefined) return [add]
  if (rowText(old) === rowText(row)) return hasUniqueKey ? [] : [add]
  return [deleteAll(old), add]
}

/** A column at the end, with values in the first rows or in none. */
function addColumn(shape: Shape, table: ModelTable, command: Command & { kind: 'add_column' }): readonly Dml[] {
  const addedMax = 3
  const added = table.columns.length - shape.columns.length
  if (added === addedMax) return []
  const column = { name: `added_${added + 1}`, type: command.type }
  const value = command.row.added[command.type] ?? null
  const add: Dml = { kind: 'add_column', column }
  if (value === null) return [add]
  const wide = changed(table, add)
  const rows = wide.rows.filter((row, i) => isFirst(wide, row, i)).slice(0, command.valued)
  return [add, ...rows.map((row): Dml => ({ kind: 'update', row, to: [...row.slice(0, -1), value], all: true }))]
}

/** The table after one statement. */
export function changed(table: ModelTable, statement: Dml): ModelTable {
  switch (statement.kind) {
    case 'insert':
      return { ...table, rows: [...table.rows, ...statement.rows] }
    case 'add_column':
      return {
        ...table,
        columns: [...table.columns, statement.column],
        rows: table.rows.map((row) => [...row, null]),
      }
    case 'delete':
    case 'update': {
      const text = rowText(statement.row)
      const first = table.rows.findIndex((row) => rowText(row) === text)
      const isMeant = (row: ModelRow, i: number) => (statement.all ? rowText(row) === text : i === first)
      const rows = table.rows.flatMap((row, i) => {
        if (!isMeant(row, i)) return [row]
        return statement.kind === 'delete' ? [] : [statement.to]
      })
      return { ...table, rows }
    }
  }
}

function rowOf(table: ModelTable, { cells, added }: RowSample): ModelRow {
  return table.columns.map(({ name, type }, i) => {
    const cell = i < cells.length ? (cells[i] as Cell) : (added[type] ?? null)
    const isId = name === 'who' && typeof cell === 'string'
    return isId ? cell.replace(historyMark, `${table.name}-`) : cell
  })
}

function isFirst({ rows }: ModelTable, row: ModelRow, at: number): boolean {
  const text = rowText(row)
  return rows.findIndex((each) => rowText(each) === text) === at
}

function hasIdentity(table: ModelTable, row: ModelRow): boolean {
  const identity = identityText(table, row)
  return table.rows.some((each) => identityText(table, each) === identity)
}

function deleteAll(row: ModelRow): Dml {
  return { kind: 'delete', row, all: true }
}
