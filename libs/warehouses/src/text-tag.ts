import type { ColumnType } from '@millrace/domain/row-schema.ts'

/** The tag of a value that stands as bytes in the canonical encoding (libs/domain/src/identity/canonical.ts). */
export function tagOf(column: ColumnType): 's' | 'j' | 'm' | 'b' {
  if (column === 'json') return 'j'
  if (column === 'decimal') return 'm'
  return column === 'bytes' ? 'b' : 's'
}
