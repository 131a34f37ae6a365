import { dayOf, microsOf, microsOfDay, timeText } from './time-text.ts'
import type { SyncCursor } from './warehouse.ts'

/** An insert-time column: of days, or of microseconds. */
type TimeColumn = {
  readonly rule: string
  /** An overlap that the kind of table needs, ms. */
  readonly overlapMsMin?: number | undefined
}

const dayMs = 86_400_000

/** The overlap that a column needs, ms: rows that come later on the last day that was read would never be read. */
export function overlapOf({ rule, overlapMsMin = 0 }: TimeColumn, askedMs: number): number {
  return Math.max(askedMs, overlapMsMin, rule === 'date' ? dayMs : 0)
}

/** After which moment rows are read: the overlap before `lo`; null = from the beginning. Dates are whole days. */
export function fromOf({ rule }: TimeColumn, lo: string | null, overlapMs: number): string | null {
  if (lo === null) return null
  const from = microsOf(lo) - BigInt(overlapMs) * 1000n
  return timeText(rule === 'date' ? microsOfDay(dayOf(from)) : from)
}

/** The latest time of a run's rows as text; what was read before stays read, also when its latest rows are gone. */
export function latestOf(
  { rule }: TimeColumn,
  value: string | number | boolean | null | undefined,
  lo: string | null,
): string | null {
  if (value === null || value === undefined) return lo
  const found = rule === 'date' ? microsOfDay(BigInt(value)) : BigInt(value)
  return lo !== null && microsOf(lo) > found ? lo : timeText(found)
}

/** Of a run's rows: those that the last run has read, and those that the next one reads again. */
export type Overlap = { readonly readAgain: number; readonly next: number }

export const noOverlap: Overlap = { readAgain: 0, next: 0 }

export type OverlapRange = {
  readonly lo: string | null
  readonly hi: string
  readonly overlapMs: number
}

/** The ends between which rows are counted, in the unit of the column: up to `lo` the last run has read, after `after` the next one will. */
export function overlapEnds(
  rule: string | undefined,
  { lo, hi, overlapMs }: OverlapRange,
): { readonly lo: bigint | null; readonly after: bigint } {
  const inUnit = (micros: bigint) => (rule === 'date' ? dayOf(micros) : micros)
  return {
    lo: lo === null ? null : inUnit(microsOf(lo)),
    after: inUnit(microsOf(hi) - BigInt(overlapMs) * 1000n),
  }
}

/** What the last run counted itself with the same overlap bounds what was read before: rows beyond that have come late. */
export function boundedOverlap(
  counted: { readonly before: number; readonly next: number },
  overlapMs: number,
  cursor: SyncCursor | null,
): Overlap {
  const known = cursor?.pin.overlap as { overlapMs?: number; rows?: number } | undefined
  const bound = known?.overlapMs === overlapMs ? (known.rows ?? 0) : Number.POSITIVE_INFINITY
  return { readAgain: Math.min(bound, counted.before), next: counted.next }
}
