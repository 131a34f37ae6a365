import type { TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'

/** https://docs.databricks.com/aws/en/sql/language-manual/sql-ref-names */
const nameCharsMax = 255

/** A name in backticks. Throws `name_invalid`. */
export function quoteName(name: string): string {
  checkName(name)
  return `\`${name.replaceAll('`', '``')}\``
}

export function quoteTable(catalog: string, { schema, name }: TableRef): string {
  return [catalog, schema, name].map(quoteName).join('.')
}

/** Text of ours or a checked name as a value: with backslashes as escapes, which is how Databricks reads literals. */
export function textLiteral(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}

/** Throws `name_invalid` for what cannot be the name of a column. */
export function checkName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  const isName = name !== '' && name.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(name)
  if (isName && name.length <= nameCharsMax) return
  throw new WarehouseError(
    'name_invalid',
    'A name is empty, too long or holds a character that Millrace does not take.',
    `Names have 1 to ${nameCharsMax} characters, without control characters.`,
  )
}
