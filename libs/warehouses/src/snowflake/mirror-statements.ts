import type { TableRef } from '../warehouse.ts'
import type { FoundTable, TableColumn } from './catalog.ts'
import { nameLiteral, quoteName, quoteTable } from './identifiers.ts'
import { formsOf } from './statements.ts'

/** Where things stand: the database of tables and streams alike. */
export type StreamParts = { readonly database: string; readonly stream: TableRef }

/** A stream whose first consumption gives all rows of the table. Its own name is that of the run. */
export function initialStreamStatement({ database, stream }: StreamParts, found: FoundTable): string {
  return `CREATE STREAM IF NOT EXISTS ${quoteTable(database, stream)}
ON ${found.kind === 'table' ? 'TABLE' : 'VIEW'} ${quoteTable(database, found.table)}
SHOW_INITIAL_ROWS = TRUE`
}

/** A stream without initial rows at the place to which another one has got. */
export function streamAtStatement({ database, stream }: StreamParts, found: FoundTable, at: TableRef): string {
  const name = `${quoteName(database)}.${quoteName(at.schema)}.${quoteName(at.name)}`
  return `CREATE STREAM IF NOT EXISTS ${quoteTable(database, stream)}
ON ${found.kind === 'table' ? 'TABLE' : 'VIEW'} ${quoteTable(database, found.table)}
AT (STREAM => ${nameLiteral(name)})`
}

/** A stream at the place of the last run's: that one stays where it is until this run has succeeded. */
export function cloneStreamStatement({ database, stream }: StreamParts, last: TableRef): string {
  return `CREATE STREAM ${quoteTable(database, stream)}
CLONE ${quoteTable(database, last)}`
}

export type ConsumeParts = StreamParts & {
  readonly columns: readonly TableColumn[]
  /** Positions of the columns that identify a row; empty = Snowflake's own id of it. */
  readonly identity: readonly number[]
  /** Positions of the columns whose old values updates and deletes carry. */
  readonly before: readonly number[]
}

/**
 * Moves the stream on and writes what it held into a table, in one transaction: the table is there if and only if the stream has
 * moved. Of each key (or row) at most one change remains.
 *
 *   n           1, 2 … in the order of writing
 *   op          i, u, d
 *   id          METADATA$ROW_ID of the row now; of a delete, of the row that was
 *   copies      rows of this key that came, beyond the first
 *   c0, c1 …    the row now; of a delete, its old key
 *   b0, b1 …    old values of the before-columns
 *
 * A row that was written again as it was is no change. Several rows of one key: the one with the smallest METADATA$ROW_ID stands for all.
 */
export function consumeStatement(parts: ConsumeParts, changes: TableRef): string {
  const { database, stream, columns, identity, before } = parts
  // Other names than those of the result: an alias that is also a column could be taken for either.
  const newOf = (i: number) => `MAX(IFF(is_new AND nth = 1, v${i}, NULL))`
  const now = columns.map((_, i) => `${identity.includes(i) ? `v${i}` : newOf(i)} AS c${i}`)
  const oldOf = (i: number) => `MAX(IFF(NOT is_new AND nth = 1, v${i}, NULL))`
  const old = before.map((i, j) => `${oldOf(i)} AS b${j}`)
  const differs = columns.flatMap(({ rule }, i) => {
    if (identity.includes(i)) return []
    const values = [newOf(i), oldOf(i)]
    const differ = (each: (value: string) => string) => values.map(each).join(' IS DISTINCT FROM ')
    // Snowflake takes -0 for 0, and the texts of doubles that are close may be the same.
    const asText = rule === 'double' ? [differ((value) => `TO_VARCHAR(${value})`)] : []
    return [differ((value) => value), ...asText]
  })
  const key = identity.length === 0 ? 'row_id' : identity.map((i) => `v${i}`).join(', ')
  return `CREATE TRANSIENT TABLE ${quoteTable(database, changes)} AS
WITH captured AS (
SELECT METADATA$ACTION = 'INSERT' AS is_new, METADATA$ROW_ID AS row_id,
  ${formsOf(columns, 'v').join(',\n  ')}
FROM ${quoteTable(database, stream)}
), numbered AS (
SELECT *, ROW_NUMBER() OVER (PARTITION BY is_new, ${key} ORDER BY row_id) AS nth
FROM captured
), netted AS (
SELECT IFF(COUNT_IF(is_new) = 0, 'd', IFF(COUNT_IF(NOT is_new) = 0, 'i', 'u')) AS op,
  COALESCE(MIN(IFF(is_new, row_id, NULL)), MIN(row_id)) AS id,
  GREATEST(COUNT_IF(is_new) - 1, 0) AS copies,
  ${[...now, ...old].join(',\n  ')}
FROM numbered
GROUP BY ${key}
HAVING ${['COUNT_IF(is_new) = 0', 'COUNT_IF(NOT is_new) = 0', ...differs].join('\n  OR ')}
)
SELECT ROW_NUMBER() OVER (ORDER BY NULL) AS n, *
FROM netted`
}

/** How many changes there are of each kind, and rows that were left out. */
export function countStatement(database: string, changes: TableRef): string {
  return `SELECT op, COUNT(*), SUM(copies)
FROM ${quoteTable(database, changes)}
GROUP BY op`
}
