import { WarehouseError } from '../warehouse-error.ts'

/** Where columns stand among others, in the order of the names. Throws `column_not_found`. */
export function positionsOf(
  names: readonly string[],
  columns: readonly { readonly name: string }[],
): readonly number[] {
  return names.map((name) => {
    const position = columns.findIndex((column) => column.name === name)
    if (position < 0) {
      throw new WarehouseError(
        'column_not_found',
        'A column of the identity does not exist.',
        'Correct the mapping of the sync.',
      )
    }
    return position
  })
}
