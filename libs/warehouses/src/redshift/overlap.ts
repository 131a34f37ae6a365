import { dayOf, microsOf, microsOfDay, timeText } from '../time-text.ts'
import type { SyncCursor, TableRef } from '../warehouse.ts'
import type { TableColumn } from './catalog.ts'
import type { RedshiftClient, Value } from './client.ts'
import { ask } from './run-step.ts'
import { overlapStatement, prelude, type TimeBound } from './statements.ts'
import type { TypeRuleName } from './types.ts'

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
  readonly rules: readonly TypeRuleName[]
  /** Of the insert-time column. */
  readonly position: number
  readonly lo: string | null
  readonly hi: string | null
  readonly overlapMs: number
  readonly distinct: boolean
  readonly cursor: SyncCursor | null
}

/**
 * Counted in the run's own rows, which stand in the staging schema. What the last run counted itself with the same overlap
 * bounds it: rows beyond that have come late.
 */
export async function countOverlap(
  client: RedshiftClient,
  { results, rules, position, lo, hi, overlapMs, distinct, cursor }: OverlapParts,
  signal: AbortSignal,
): Promise<Overlap> {
  if (overlapMs === 0 || hi === null) return { readAgain: 0, next: 0 }
  const inUnit = (micros: bigint) => (rules[position] === 'date' ? dayOf(micros) : micros)
  const after = inUnit(microsOf(hi) - BigInt(overlapMs) * 1000n)
  const place = { position, lo: lo === null ? null : inUnit(microsOf(lo)), after, distinct }
  const rows = await ask(client, [...prelude(rules), overlapStatement(results, rules, place)], signal)
  const [before, next] = (rows[0] ?? []).map(Number)
  const known = cursor?.pin.overlap as { overlapMs?: number; rows?: number } | undefined
  const bound = known?.overlapMs === overlapMs ? (known.rows ?? 0) : Number.POSITIVE_INFINITY
  return { readAgain: Math.min(bound, before ?? 0), next: next ?? 0 }
}
