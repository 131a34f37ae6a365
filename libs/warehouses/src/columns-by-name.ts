import { shown } from './shown.ts'
import type { PlanRequest, TableRef } from './warehouse.ts'
import { WarehouseError } from './warehouse-error.ts'

type Named = readonly { readonly name: string }[]

/** The columns that rows are found by: those asked for, else the primary key; none = the whole row. Throws `column_not_found`. */
export function identityOf(
  { identity }: Pick<PlanRequest, 'identity'>,
  { table, columns, key }: { readonly table: TableRef; readonly columns: Named; readonly key: readonly string[] },
): readonly string[] {
  for (const name of identity) {
    if (!columns.some((column) => column.name === name)) throw columnNotFound(name, table)
  }
  return identity.length > 0 ? identity : key
}

/** Where columns stand among others, in the order of the names. Throws `column_not_found`. */
export function positionsOf(names: readonly string[], columns: Named): readonly number[] {
  return names.map((name) => {
    const position = columns.findIndex((column) => column.name === name)
    if (position < 0)
      throw new WarehouseError(
        'column_not_found',
        'A column of the identity does not exist.',
        'Correct the mapping of the sync.',
      )
    return position
  })
}

export function columnNotFound(name: string, table: TableRef): WarehouseError {
  return new WarehouseError(
    'column_not_found',
    `${shown(table)} has no column ${JSON.stringify(name).slice(0, 150)}.`,
    'It was dropped or renamed: correct the sync.',
  )
}
