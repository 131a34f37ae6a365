import { textLiteral } from './identifiers.ts'
import {
  atVersion,
  carriedStatement,
  checksum,
  isInPart,
  type Part,
  type StatementColumn,
  texts,
} from './statements.ts'
import { textOf } from './types.ts'

export type MirrorReading = {
  /** The table, quoted. */
  readonly table: string
  readonly columns: readonly StatementColumn[]
  /** Positions of the columns that identify a row; empty = the whole row does. */
  readonly identity: readonly number[]
  /** Positions of the columns whose old values updates and deletes carry. */
  readonly before: readonly number[]
  /** Up to which version the last run has read; null for a first run. */
  readonly start: number | null
  /** The version that the run ends at. */
  readonly end: number
}

/** The rows of a first run, each as one insert: of identical rows, and of those with one key, the one with the smallest checksum. */
function firstStates(reading: MirrorReading, part: Part): string {
  const { table, columns, end } = reading
  const from = atVersion(table, end)
  return `WITH standing AS (
${hashedStatement(reading, carriedStatement({ from, columns, range: null }), '')}
)
SELECT 'insert' AS op, MIN(h) AS h, MIN_BY(r, h) AS r, CAST(NULL AS STRING) AS o
FROM standing${whereInPart(part)}
GROUP BY k`
}

/**
 * What the feed says happened to rows between two versions, summed up. The feed tells inserted and removed rows; how many equal
 * ones there are at the end is counted in the table at that version, so how many there were at the start follows. A row is there as long as one
 * of its equals is.
 *
 *   moved      rows of the feed, +1 as they are afterwards and -1 as they were
 *   standing   rows of the table at the end that have a key (or, without one, a content) of those
 *   counted    per key and content: how many there are now, and how many more than before
 *   states     per key: the content at the start and at the end, of several the one with the smallest checksum
 */
function nextStates(reading: MirrorReading, start: number, part: Part): string {
  const { table, columns, end } = reading
  const feed = `TABLE_CHANGES(${textLiteral(table)}, ${Math.trunc(start) + 1}, ${Math.trunc(end)})`
  const change = `, CASE WHEN _change_type IN ('insert', 'update_postimage') THEN 1 ELSE -1 END AS d`
  const moved = carriedStatement({ from: feed, columns, range: null }).replace('\nFROM', `${change}\nFROM`)
  const standing = carriedStatement({ from: atVersion(table, end), columns, range: null })
  return `WITH moved AS (
${hashedStatement(reading, moved, ', d')}
), touched AS (
SELECT DISTINCT k FROM moved${whereInPart(part)}
), standing AS (
${hashedStatement(reading, standing, '')}
), counted AS (
SELECT k, h, ANY_VALUE(r) AS r, SUM(n) AS now, SUM(d) AS more
FROM (
SELECT k, h, r, 0 AS n, d FROM moved${whereInPart(part)}
UNION ALL
SELECT s.k, s.h, s.r, 1 AS n, 0 AS d FROM standing AS s LEFT SEMI JOIN touched AS t ON t.k = s.k
) AS both
GROUP BY k, h
), states AS (
SELECT MIN(h) FILTER (WHERE now > 0) AS new_h, MIN_BY(r, h) FILTER (WHERE now > 0) AS new_r,
  MIN(h) FILTER (WHERE now > more) AS old_h, MIN_BY(r, h) FILTER (WHERE now > more) AS old_r
FROM counted
GROUP BY k
)
SELECT CASE WHEN old_h IS NULL THEN 'insert' WHEN new_h IS NULL THEN 'delete' ELSE 'update' END AS op,
  COALESCE(new_h, old_h) AS h, COALESCE(new_r, old_r) AS r, old_r AS o
FROM states
WHERE NOT old_h <=> new_h`
}

/** Rows with their checksum h, the checksum k of their key, and their columns as one struct r. */
function hashedStatement({ columns, identity }: MirrorReading, carried: string, more: string): string {
  const row = `NAMED_STRUCT(${columns.map((_, i) => `'c${i}', c${i}`).join(', ')})`
  const key = checksum(
    identity.map((i) => columns[i]!),
    identity.map((i) => `c${i}`),
  )
  const hashes = `${checksum(columns)} AS h${identity.length === 0 ? '' : `, ${key} AS k`}`
  return `SELECT ${identity.length === 0 ? 'h AS k, ' : 'k, '}h, r${more}
FROM (SELECT ${hashes}, ${row} AS r${more}
FROM (${carried}) AS q) AS p`
}

function whereInPart(part: Part): string {
  // Of a hexadecimal checksum: any hash of it parts evenly.
  return part.of === 1 ? '' : `\nWHERE ${isInPart('XXHASH64(k)', part)}`
}

function states(reading: MirrorReading, part: Part): string {
  return reading.start === null ? firstStates(reading, part) : nextStates(reading, reading.start, part)
}

/** The changes of a part: op, h, the row c0, c1 … (of a delete, the row it was) and the before-columns b0, b1 … */
export function changesStatement(reading: MirrorReading, part: Part): string {
  const { columns, before, start } = reading
  const old = start === null ? [] : before.map((i, j) => `${textOf(columns[i]!.rule, `o.c${i}`)} AS b${j}`)
  return `SELECT ${['op', 'h', texts(columns, 'r.'), ...old].join(', ')}
FROM (${states(reading, part)}) AS changes`
}

/** op, n = how many changes there are of each kind. */
export function changeCountStatement(reading: MirrorReading): string {
  return `SELECT op, CAST(COUNT(*) AS STRING) AS n
FROM (${states(reading, { part: 0, of: 1 })}) AS changes
GROUP BY op`
}
