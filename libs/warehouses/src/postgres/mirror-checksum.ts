import { type ChecksumColumn, keyDigestSql, postgresChecksum } from '@millrace/domain/identity/row-checksum-sql.ts'
import { quoteIdentifier } from './identifiers.ts'
import { type TypeRuleName, typeRules } from './types.ts'

export type RuledColumn = { readonly name: string; readonly rule: TypeRuleName }

/** Largest and smallest 64-bit integer: how the ends of time, and what lies beyond them, are carried (types.ts). */
const forever = '9223372036854775807'
const always = '-9223372036854775808'

const micros = (sql: string) =>
  `CASE WHEN isfinite(${sql}) THEN least(extract(epoch FROM ${sql}) * 1000000, ${forever})::int8 ` +
  `WHEN ${sql} > 'epoch' THEN ${forever} WHEN ${sql} < 'epoch' THEN ${always} END`
const days = (sql: string) =>
  `CASE WHEN isfinite(${sql}) THEN ${sql} - date '1970-01-01' WHEN ${sql} > 'epoch' THEN 2147483647 WHEN ${sql} < 'epoch' THEN -2147483648 END`
const text = (sql: string) => `${sql}::text`

/** SQL of a column's value in the form in which it is carried, by the rule of its type: what row-encoder.ts makes of the wire. */
const carried: Readonly<Partial<Record<TypeRuleName, (sql: string) => string>>> = {
  oid: (sql) => `${sql}::int8`,
  // The shortest decimal of a real, read as a double.
  float4: (sql) => `${sql}::text::float8`,
  numeric: text,
  text,
  json: text,
  jsonb: text,
  uuid: text,
  timestamp: micros,
  date: days,
}

/** The carried value of a column. */
export function carriedSql({ name, rule }: RuledColumn): string {
  const sql = quoteIdentifier(name)
  const { before, after } = typeRules[rule]
  return carried[rule]?.(sql) ?? `${before}${sql}${after}`
}

/**
 * Checksum of a row: SHA-256 of its text as Postgres prints a record, without the NULLs at the end. That tells apart what the canonical encoding
 * (libs/domain/src/identity/canonical.ts) does, in a fifth of its time: NULL prints nothing, an empty text "\"\"", and a value with a comma or
 * a parenthesis stands in quotes, so that what `rtrim` takes away is never part of one. It is compared with checksums of the same table
 * only, in sessions whose settings fix the texts of types (connect.ts). Another formula would make an update of every row.
 */
export function rowChecksum(columns: readonly RuledColumn[]): string {
  const names = columns.map(({ name }) => quoteIdentifier(name))
  return `sha256(convert_to(rtrim(ROW(${names.join(', ')})::text, ',)'), 'UTF8'))`
}

/** Id of a row with a key, the same in every mode: from the carried values of its key, `k0`, `k1` … */
export function keyChecksum(key: readonly RuledColumn[]): string {
  const columns = key.map(({ rule }, i): ChecksumColumn => ({ type: typeRules[rule].column, sql: `k${i}` }))
  return keyDigestSql(postgresChecksum, columns)
}
