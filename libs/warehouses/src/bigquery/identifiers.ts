import type { TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'

const columnCharactersMax = 300
const tableBytesMax = 1024

/**
 * A name of a column in backticks. Inside of them BigQuery reads backslashes as escapes, so names with a backslash or a
 * backtick are refused, as are control characters: no column can have such a name.
 * https://cloud.google.com/bigquery/docs/reference/standard-sql/lexical#quoted_identifiers
 */
export function quoteColumn(name: string): string {
  if (!isName(name) || name.length > columnCharactersMax) throw nameInvalid(`1 to ${columnCharactersMax} characters`)
  return `\`${name}\``
}

/** A table's full name; its parts are checked before, since the whole stands between one pair of backticks. */
export function quoteTable(projectId: string, { schema, name }: TableRef): string {
  checkDataset(schema)
  checkTableName(name)
  return `\`${projectId}\`.\`${schema}\`.\`${name}\``
}

/** Dataset ids go into URLs as well: nothing but letters, digits and `_`. Throws `name_invalid`. */
export function checkDataset(name: string): void {
  if (!/^[A-Za-z0-9_]{1,1024}$/.test(name)) throw nameInvalid('letters, digits and underscores')
}

/** Table ids may hold Unicode letters, marks, numbers, connectors, dashes and spaces. Throws `name_invalid`. */
export function checkTableName(name: string): void {
  if (!/^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}\p{Zs}]+$/u.test(name) || Buffer.byteLength(name) > tableBytesMax)
    throw nameInvalid('letters, digits, underscores, dashes and spaces')
}

function isName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
  return name !== '' && name.isWellFormed() && !/[`\\\u0000-\u001f\u007f]/.test(name)
}

function nameInvalid(form: string): WarehouseError {
  return new WarehouseError(
    'name_invalid',
    'A name is empty, too long or holds a character that names in BigQuery cannot hold.',
    `Names consist of ${form}.`,
  )
}
