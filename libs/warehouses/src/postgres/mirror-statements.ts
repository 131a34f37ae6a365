import type { TableRef } from '../warehouse.ts'
import { quoteTable } from './identifiers.ts'
import { carriedSql, keyChecksum, type RuledColumn, rowChecksum } from './mirror-checksum.ts'
import { columnExpressions } from './statements.ts'

/** What of a table is compared, and how its rows are found. */
export type Compared = {
  readonly table: TableRef
  readonly columns: readonly RuledColumn[]
  /** Positions of the columns that identify a row; empty = the whole row does. */
  readonly identity: readonly number[]
}

/** Bytes of an identity, of the checksum kept beside it, and of a row's place (tableoid, ctid). */
export const identityBytes = 32
export const checksumBytes = 16
export const placeBytes = 10

/**
 * Digests of a table by bucket, in one pass over it: `b`, the bucket; `n`, its rows; `s` and `t`, the sums of two hashes of its rows'
 * checksums. The hashes are salted ($1, $2) with numbers that the table's owner does not know, so that nobody can make up rows whose
 * changes cancel out. A sum and not an exclusive or: two identical rows are not none.
 */
export function digestsStatement(compared: Compared, bits: number): string {
  return `SELECT b, count(*)::int8 AS n, sum(hashbyteaextended(h, $1::int8))::text AS s, sum(hashbyteaextended(h, $2::int8))::text AS t
FROM (SELECT ${bucketOf('k', bits)} AS b, h FROM (${hashedRows(compared)}) AS hashed OFFSET 0) AS bucketed
GROUP BY b`
}

/**
 * The rows of buckets, one result row per bucket in their order: identity, checksum and place of each, packed, in the order of the
 * identities. Of several rows of one identity it is the one with the smallest checksum. `$1`: the buckets; null = all.
 */
export function entriesStatement(compared: Compared, bits: number): string {
  const isKeyed = compared.identity.length > 0
  const checksum = isKeyed ? `substr(h, 1, ${checksumBytes}) || ` : ''
  return `SELECT b, string_agg(k || ${checksum}oidsend(o) || tidsend(t), ''::bytea ORDER BY k) AS entries
FROM (SELECT DISTINCT ON (b, k) b, k, h, o, t
  FROM (SELECT ${bucketOf('k', bits)} AS b, k, h, o, t FROM (${hashedRows(compared, true)}) AS hashed
    WHERE $1::int4[] IS NULL OR ${bucketOf('k', bits)} = ANY ($1::int4[])) AS wanted
  ORDER BY b, k, h) AS firsts
GROUP BY b ORDER BY b`
}

/** Rows by their places, each after its own; of a table with parts, `$2` says in which part each is. */
export function rowsStatement({ table, columns }: Compared, hasParts: boolean): string {
  const expressions = columnExpressions(
    columns,
    columns.map(({ rule }) => rule),
  )
  const part = hasParts ? ` AND tableoid::text || ctid::text = ANY ($2::text[])` : ''
  return `SELECT oidsend(tableoid) || tidsend(ctid), ${expressions.join(', ')} FROM ${quoteTable(table)} WHERE ctid = ANY ($1::tid[])${part}`
}

/** Identity `k`, checksum `h` and place of every row. Fenced (OFFSET 0), so that nothing is computed once for every use. */
function hashedRows({ table, columns, identity }: Compared, hasPlace = false): string {
  const key = identity.map((i) => columns[i]!)
  const values = key.map((column, i) => `${carriedSql(column)} AS k${i}`)
  const place = hasPlace ? ['tableoid AS o', 'ctid AS t'] : []
  const summed = `SELECT ${[`${rowChecksum(columns)} AS h`, ...values, ...place].join(', ')} FROM ${quoteTable(table)} OFFSET 0`
  const both = ['h', key.length === 0 ? 'h AS k' : `${keyChecksum(key)} AS k`, ...(hasPlace ? ['o', 't'] : [])]
  return `SELECT ${both.join(', ')} FROM (${summed}) AS summed OFFSET 0`
}

function bucketOf(identity: string, bits: number): string {
  return `((get_byte(${identity}, 0) << 8 | get_byte(${identity}, 1)) >> ${16 - bits})`
}
