import type { TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'

/** https://docs.snowflake.com/en/sql-reference/identifiers-syntax */
const nameLengthMax = 255

/** A name in double quotes. Throws `name_invalid`. */
export function quoteName(name: string): string {
  checkName(name)
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteTable(database: string, { schema, name }: TableRef): string {
  return `${quoteName(database)}.${quoteName(schema)}.${quoteName(name)}`
}

/** A name as a value: what a name may hold needs no escape but for quotes. */
export function nameLiteral(name: string): string {
  checkName(name)
  return `'${name.replaceAll("'", "''")}'`
}

/** Snowflake reads backslashes in values as escapes, so names with one are refused, as are control characters. */
function checkName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  const isName = name !== '' && name.isWellFormed() && !/[\\\u0000-\u001f\u007f]/.test(name)
  if (isName && name.length <= nameLengthMax) return
  throw new WarehouseError(
    'name_invalid',
    'A name is empty, too long or holds a character that Millrace does not take.',
    `Names have 1 to ${nameLengthMax} characters, without backslashes and control characters.`,
  )
}
