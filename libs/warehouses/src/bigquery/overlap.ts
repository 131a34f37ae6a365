import { dayOf, microsOf } from '../time-text.ts'
import type { SyncCursor } from '../warehouse.ts'
import type { TableColumn } from './catalog.ts'
import type { BigQueryClient } from './client.ts'
import { runJob } from './jobs.ts'
import { overlapStatement } from './statements.ts'
import type { TypeRuleName } from './types.ts'

const dayMs = 86_400_000

/** The overlap that a column needs, ms: rows that come later on the last day that was read would never be read. */
export function overlapOf({ rule, overlapMsMin = 0 }: TableColumn, askedMs: number): number {
  return Math.max(askedMs, overlapMsMin, rule === 'date' ? dayMs : 0)
}

/** Of a run's rows: those that the last run has read, and those that the next one reads again. */
export type Overlap = { readonly readAgain: number; readonly next: number }

export type OverlapParts = {
  /** Name of the table that holds the run's rows; jobs about it are called after it. */
  readonly results: string
  readonly rules: readonly TypeRuleName[]
  /** Of the insert-time column. */
  readonly position: number
  readonly lo: string | null
  readonly hi: string
  readonly overlapMs: number
  readonly distinct: boolean
  readonly location: string | undefined
  readonly cursor: SyncCursor | null
}

/**
 * Counted in the run's own rows, which stand in the staging dataset. What the last run counted itself with the same
 * overlap bounds it: rows beyond that have come late.
 */
export async function countOverlap(
  client: BigQueryClient,
  quotedResults: string,
  parts: OverlapParts,
  signal: AbortSignal,
): Promise<Overlap> {
  const { rules, position, lo, hi, overlapMs, distinct, location, cursor } = parts
  if (overlapMs === 0) return { readAgain: 0, next: 0 }
  const inUnit = (micros: bigint) => (rules[position] === 'date' ? dayOf(micros) : micros)
  const after = inUnit(microsOf(hi) - BigInt(overlapMs) * 1000n)
  const place = { position, lo: lo === null ? null : inUnit(microsOf(lo)), after, distinct }
  const sql = overlapStatement(quotedResults, rules, place)
  const job = (attempt: number) => ({ id: `${parts.results}_overlap_${attempt}`, sql, location, labels: {} })
  const { rows } = await runJob(client, job, signal)
  const [before, next] = (rows[0] ?? []).map(Number)
  const known = cursor?.pin.overlap as { overlapMs?: number; rows?: number } | undefined
  const bound = known?.overlapMs === overlapMs ? (known.rows ?? 0) : Number.POSITIVE_INFINITY
  return { readAgain: Math.min(bound, before ?? 0), next: next ?? 0 }
}
