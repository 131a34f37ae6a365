import {
  type ChecksumColumn,
  keyDigestSql,
  postgresChecksum,
  rowChecksumSql,
} from '@millrace/domain/identity/row-checksum-sql.ts'
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

/** Checksum of a row (libs/domain/src/identity/row-checksum-sql.ts) whose carried values are `c0`, `c1` … */
export function rowChecksum(rules: readonly TypeRuleName[]): string {
  return rowChecksumSql(postgresChecksum, checksumColumns(rules)).checksum
}

/** Id of a row with a key, from its carried values at `identity`. */
export function keyChecksum(rules: readonly TypeRuleName[], identity: readonly number[]): string {
  const columns = checksumColumns(rules)
  return keyDigestSql(
    postgresChecksum,
    identity.map((i) => columns[i]!),
  )
}

function checksumColumns(rules: readonly TypeRuleName[]): readonly ChecksumColumn[] {
  return rules.map((rule, i) => ({ type: typeRules[rule].column, sql: `c${i}` }))
}
