import { dayOf, microsOf, microsOfDay, timeText } from '../time-text.ts'
import type { SyncCursor } from '../warehouse.ts'
import type { TableColumn } from './catalog.ts'
import type { DatabricksClient } from './client.ts'
import { overlapStatement, type Reading } from './statements.ts'

const dayMs = 86_400_000

/** The overlap that a column needs, ms: rows that come later on the last day that was read would never be read. */
export function overlapOf({ rule }: TableColumn, askedMs: number): number {
  return rule === 'date' ? Math.max(askedMs, dayMs) : askedMs
}

/** After which moment rows are read: the overlap before `lo`. Dates are whole days. */
export function fromOf({ rule }: TableColumn, lo: string | null, overlapMs: number): string | null {
  if (lo === null) return null
  const from = microsOf(lo) - BigInt(overlapMs) * 1000n
  return timeText(rule === 'date' ? microsOfDay(dayOf(from)) : from)
}

/** The latest time of a run's rows as text; what was read before stays read, also when its latest rows are gone. */
export function latestOf({ rule }: TableColumn, value: string | null | undefined, lo: string | null): string | null {
  if (value === null || value === undefined) return lo
  const found = rule === 'date' ? microsOfDay(BigInt(value)) : BigInt(value)
  return lo !== null && microsOf(lo) > found ? lo : timeText(found)
}

/** Of a run's rows: those that the last run has read, and those that the next one reads again. */
export type Overlap = { readonly readAgain: number; readonly next: number }

export type OverlapParts = {
  readonly reading: Reading
  /** Of the insert-time column. */
  readonly position: number
  readonly lo: string | null
  readonly hi: string | null
  readonly overlapMs: number
  readonly distinct: boolean
  readonly cursor: SyncCursor | null
}

/** Counted at the version of the run. What the last run counted itself with the same overlap bounds it: rows beyond that have come late. */
export async function countOverlap(
  client: DatabricksClient,
  { reading, position, lo, hi, overlapMs, distinct, cursor }: OverlapParts,
  signal: AbortSignal,
): Promise<Overlap> {
  if (overlapMs === 0 || hi === null) return { readAgain: 0, next: 0 }
  const inUnit = (micros: bigint) => (reading.columns[position]?.rule === 'date' ? dayOf(micros) : micros)
  const after = inUnit(microsOf(hi) - BigInt(overlapMs) * 1000n)
  const place = { position, lo: lo === null ? null : inUnit(microsOf(lo)), after, distinct }
  const [row] = await client.ask(overlapStatement(reading, place), signal)
  const known = cursor?.pin.overlap as { overlapMs?: number; rows?: number } | undefined
  const bound = known?.overlapMs === overlapMs ? (known.rows ?? 0) : Number.POSITIVE_INFINITY
  return { readAgain: Math.min(bound, Number(row?.a ?? 0)), next: Number(row?.b ?? 0) }
}
