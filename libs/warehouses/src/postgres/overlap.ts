import type pg from 'pg'
import type { ReadPlan, SyncCursor } from '../warehouse.ts'
import type { FoundTable } from './catalog.ts'
import { quoteTable } from './identifiers.ts'
import { columnExpressions, rangeCondition } from './statements.ts'

const dayMs = 86_400_000

/**
 * The overlap that a column needs, ms: what is asked for, and at least one step of its resolution. Rows that come later
 * in the same day, second or millisecond as the last one that was read would otherwise never be read.
 */
export function overlapOf(sourceType: string, askedMs: number): number {
  if (sourceType === 'date') return Math.max(askedMs, dayMs)
  const digits = /\((\d)\)/.exec(sourceType)?.[1]
  return digits === undefined || digits === '6' ? askedMs : Math.max(askedMs, 10 ** Math.max(0, 3 - Number(digits)))
}

/** What the cursor remembers of a run's last rows, for the next one to know them again. */
export type OverlapCount = { readonly overlapMs: number; readonly rows: number }

/**
 * Rows with an insert time up to and including `hi` and after `hi - overlapMs`; for tables without a key, distinct ones.
 * Asked of a run's own snapshot it is what the next run's overlap finds again, if nothing comes late.
 */
export async function countOverlap(
  client: pg.Client,
  found: FoundTable,
  place: { readonly column: string; readonly hi: string; readonly overlapMs: number; readonly distinct: boolean },
): Promise<OverlapCount> {
  const { column, hi, overlapMs, distinct } = place
  if (overlapMs === 0) return { overlapMs, rows: 0 }
  const { conditions, values } = rangeCondition({ column, lo: hi, hi, overlapMs })
  const rules = found.columns.map(({ rule }) => rule)
  const row = `md5(ROW(${columnExpressions(found.columns, rules).join(', ')})::text)`
  const { rows } = await client.query<{ n: string }>(
    `SELECT count(${distinct ? `DISTINCT ${row}` : '*'})::text AS n FROM ${quoteTable(found.table)} WHERE ${conditions.join(' AND ')}`,
    [...values],
  )
  return { overlapMs, rows: Number(rows[0]?.n ?? 0) }
}

/**
 * How many of the rows in this run's overlap the last run has read: what it counted itself when its overlap was the same
 * (rows beyond that have come late), else all that are there.
 */
export async function countReadAgain(
  client: pg.Client,
  found: FoundTable,
  range: NonNullable<ReadPlan['range']>,
  { cursor, distinct }: { readonly cursor: SyncCursor | null; readonly distinct: boolean },
): Promise<number> {
  const { column, lo, overlapMs } = range
  if (lo === null) return 0
  const now = await countOverlap(client, found, { column, hi: lo, overlapMs, distinct })
  const before = cursor?.pin.overlap as OverlapCount | undefined
  return before?.overlapMs === overlapMs ? Math.min(before.rows, now.rows) : now.rows
}
