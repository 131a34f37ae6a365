import type { TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'

/** https://docs.aws.amazon.com/redshift/latest/dg/r_names.html */
const nameBytesMax = 127
/** Used by the tables that Millrace makes. */
const reserved: ReadonlySet<string> = new Set(['_mp_row_hash', '_mp_change_type'])

/** A name in double quotes. Throws `name_invalid`. */
export function quoteName(name: string): string {
  checkName(name)
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteTable({ schema, name }: TableRef): string {
  return `${quoteName(schema)}.${quoteName(name)}`
}

/** A name as a value: what a name may hold needs no escape but for quotes. */
export function nameLiteral(name: string): string {
  checkName(name)
  return `'${name.replaceAll("'", "''")}'`
}

/** Text of ours inside of a statement that is itself text, as UNLOAD takes it. */
export function textLiteral(text: string): string {
  if (text.includes('\\')) throw new Error('a backslash would be an escape')
  return `'${text.replaceAll("'", "''")}'`
}

/** Throws `name_invalid` for a column that mirror has a use of its own for. */
export function checkColumnName(name: string): void {
  checkName(name)
  if (reserved.has(name.toLowerCase()))
    throw new WarehouseError(
      'name_invalid',
      `The column name ${JSON.stringify(name)} is reserved: Millrace gives it to columns of its own.`,
      'Rename the column, or sync a view that does.',
    )
}

/** Redshift reads backslashes in values as escapes, so names with one are refused, as are control characters. */
function checkName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  const isName = name !== '' && name.isWellFormed() && !/[\\\u0000-\u001f\u007f]/.test(name)
  if (isName && Buffer.byteLength(name) <= nameBytesMax) return
  throw new WarehouseError(
    'name_invalid',
    'A name is empty, too long or holds a character that Millrace does not take.',
    `Names have 1 to ${nameBytesMax} bytes, without backslashes and control characters.`,
  )
}
