import type { TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { nameBytesMax } from './options.ts'

/** A name as an SQL identifier. Names that Postgres cannot have are refused, never cut. */
export function quoteIdentifier(name: string): string {
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > nameBytesMax || !name.isWellFormed()) {
    throw new WarehouseError(
      'name_invalid',
      'A name is empty, too long or holds a character that names in Postgres cannot hold.',
      `Names have 1 to ${nameBytesMax} bytes.`,
    )
  }
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteTable(table: TableRef): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`
}
