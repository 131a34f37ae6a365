import { dayOf, microsOf, microsOfDay, timeText } from '../time-text.ts'
import type { SyncCursor, TableRef } from '../warehouse.ts'
import type { TableColumn } from './catalog.ts'
import type { SnowflakeClient, Value } from './client.ts'
import { overlapStatement, type TimeBound } from './statements.ts'

const dayMs = 86_400_000

/** The overlap that a column needs, ms: rows that come later on the last day that was read would never be read. */
export function overlapOf({ rule }: TableColumn, askedMs: number): number {
  return rule === 'date' ? Math.max(askedMs, dayMs) : askedMs
}

/** The lower end of what is read: the overlap before `lo`. Dates are whole days. */
export function boundOf(column: TableColumn, lo: string | null, overlapMs: number): TimeBound {
  if (lo === null) return { column, from: null }
  const from = microsOf(lo) - BigInt(overlapMs) * 1000n
  return { column, from: timeText(column.rule === 'date' ? microsOfDay(dayOf(from)) : from) }
}

/** The latest time of a run's rows as text; what was read before stays read, also when its latest rows are gone. */
export function latestOf({ rule }: TableColumn, value: Value | undefined, lo: string | null): string | null {
  if (value === null || value === undefined) return lo
  const found = rule === 'date' ? microsOfDay(BigInt(value)) : BigInt(value)
  return lo !== null && microsOf(lo) > found ? lo : timeText(found)
}

/** Of a run's rows: those that the last run has read, and those that the next one reads again. */
export type Overlap = { readonly readAgain: number; readonly next: number }

export type OverlapParts = {
  readonly results: TableRef
  /** How many columns the run's rows have, and the position of the insert-time column among them. */
  readonly columns: number
  readonly position: number
  readonly column: TableColumn
  readonly lo: string | null
  readonly hi: string | null
  readonly overlapMs: number
  readonly distinct: boolean
  readonly cursor: SyncCursor | null
}

/**
 * Counted in the run's own rows, which stand in the connector's schema. What the last run counted itself with the same overlap
 * bounds it: rows beyond that have come late.
 */
export async function countOverlap(
  client: SnowflakeClient,
  { results, columns, position, column, lo, hi, overlapMs, distinct, cursor }: OverlapParts,
  signal: AbortSignal,
): Promise<Overlap> {
  if (overlapMs === 0 || hi === null) return { readAgain: 0, next: 0 }
  const inUnit = (micros: bigint) => (column.rule === 'date' ? dayOf(micros) : micros)
  const after = inUnit(microsOf(hi) - BigInt(overlapMs) * 1000n)
  const place = { position, columns, lo: lo === null ? null : inUnit(microsOf(lo)), after, distinct }
  const rows = await client.ask(overlapStatement(client.options.database, results, place), signal)
  const [before, next] = (rows[0] ?? []).map(Number)
  const known = cursor?.pin.overlap as { overlapMs?: number; rows?: number } | undefined
  const bound = known?.overlapMs === overlapMs ? (known.rows ?? 0) : Number.POSITIVE_INFINITY
  return { readAgain: Math.min(bound, before ?? 0), next: next ?? 0 }
}
