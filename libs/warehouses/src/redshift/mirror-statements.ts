import type { TableRef } from '../warehouse.ts'
import type { TableColumn } from './catalog.ts'
import { quoteTable } from './identifiers.ts'
import { checksum, selectStatement } from './statements.ts'
import type { TypeRuleName } from './types.ts'

export type DiffParts = {
  readonly table: TableRef
  readonly columns: readonly TableColumn[]
  /** Positions of the columns that identify a row; empty = the whole row does. */
  readonly identity: readonly number[]
  /** Positions of the columns whose old values updates and deletes carry. */
  readonly before: readonly number[]
  /** null for a first run. */
  readonly last: TableRef | null
}

/**
 * What differs between a table and its last snapshot, in a table of its own. One statement, so one moment of the table; and of
 * the table only what has changed is written.
 *
 *   _mp_change_type   i, u, d; t for one row that has the number of the table's rows at that moment
 *   _mp_row_hash      checksum of the row (libs/domain/src/identity/row-checksum-sql.ts); of a delete, the old row's
 *   k                 checksum of the key, or of the row when it has none: what rows are found by
 *   c0, c1 …          the row now; of a delete, its old key
 *   b0, b1 …          old values of the before-columns, when there is a snapshot
 *   n                 the number of rows
 *
 * Several rows of one key: the one with the smallest checksum stands for all. Identical rows are one.
 */
export function diffStatement(parts: DiffParts, changes: TableRef): string {
  const { columns, identity, before, last, table } = parts
  const rules = columns.map(({ rule }) => rule)
  const names = rules.map((_, i) => `c${i}`)
  const old = (i: number) => `CASE WHEN n.k IS NULL THEN o.i${identity.indexOf(i)} ELSE n.c${i} END AS c${i}`
  const now = names.map((name, i) => (last !== null && identity.includes(i) ? old(i) : `n.${name}`))
  const befores = last === null ? [] : before.map((_, j) => `o.b${j}`)
  const head = last === null ? firstHead : nextHead
  const nulls = [...names, ...befores].map(() => 'NULL').join(', ')
  return `CREATE TABLE ${quoteTable(changes)} AS
WITH source_rows AS (
${selectStatement(table, columns, null)}
), hashed_rows AS (
SELECT r.*, ${checksum(rules)} AS h${identity.length === 0 ? '' : `, ${keyHash(rules, identity)} AS k`}
FROM source_rows AS r
), numbered_rows AS (
SELECT h.*${identity.length === 0 ? ', h.h AS k' : ''},
  ROW_NUMBER() OVER (PARTITION BY ${identity.length === 0 ? 'h.h' : 'h.k'} ORDER BY h.h) AS nth
FROM hashed_rows AS h
)
SELECT ${[...head, ...now, ...befores].join(', ')}, CAST(NULL AS BIGINT) AS n
FROM (SELECT * FROM numbered_rows WHERE nth = 1) AS n${last === null ? '' : joined(last)}
UNION ALL
SELECT 't', NULL, NULL, ${nulls}, COUNT(*)
FROM ${quoteTable(table)}`
}

const firstHead = ["CAST('i' AS VARCHAR(1)) AS _mp_change_type", 'n.h AS _mp_row_hash', 'n.k AS k']
const nextHead = [
  "CAST(CASE WHEN o.k IS NULL THEN 'i' WHEN n.k IS NULL THEN 'd' ELSE 'u' END AS VARCHAR(1)) AS _mp_change_type",
  'CASE WHEN n.k IS NULL THEN o.h ELSE n.h END AS _mp_row_hash',
  'CASE WHEN n.k IS NULL THEN o.k ELSE n.k END AS k',
]

function joined(last: TableRef): string {
  return `
FULL OUTER JOIN ${quoteTable(last)} AS o ON o.k = n.k
WHERE o.k IS NULL OR n.k IS NULL OR o.h <> n.h`
}

function keyHash(rules: readonly TypeRuleName[], identity: readonly number[]): string {
  return checksum(
    identity.map((i) => rules[i]!),
    identity.map((i) => `c${i}`),
  )
}

/** How many changes there are of each kind, and rows of the table. */
export function countStatement(changes: TableRef): string {
  return `SELECT _mp_change_type, COUNT(*), MAX(n)
FROM ${quoteTable(changes)}
GROUP BY _mp_change_type`
}

/**
 * What the next run compares with: of each row its checksum, its key and the before-columns, from the last snapshot and the
 * changes since. Nothing of the table is read again, so it is of the same moment as the changes.
 *
 *   h   checksum of the row;   k   of its key;   i0, i1 …   its key;   b0, b1 …   its before-columns
 */
export function snapshotStatement(
  { identity, before, last }: Pick<DiffParts, 'identity' | 'before' | 'last'>,
  changes: TableRef,
  snapshot: TableRef,
): string {
  const kept = [...identity.map((_, j) => `i${j}`), ...before.map((_, j) => `b${j}`)]
  const fresh = [...identity.map((i, j) => `c.c${i} AS i${j}`), ...before.map((i, j) => `c.c${i} AS b${j}`)]
  const ofLast =
    last === null
      ? ''
      : `
UNION ALL
SELECT ${['o.h', 'o.k', ...kept.map((name) => `o.${name}`)].join(', ')}
FROM ${quoteTable(last)} AS o
LEFT JOIN (SELECT k FROM ${quoteTable(changes)} WHERE _mp_change_type IN ('u', 'd')) AS gone ON gone.k = o.k
WHERE gone.k IS NULL`
  return `CREATE TABLE ${quoteTable(snapshot)} AS
SELECT ${['c._mp_row_hash AS h', 'c.k AS k', ...fresh].join(', ')}
FROM ${quoteTable(changes)} AS c
WHERE c._mp_change_type IN ('i', 'u')${ofLast}`
}

/** The condition that leaves the row of the count out. */
export const changesOnly = "WHERE _mp_change_type <> 't'"
