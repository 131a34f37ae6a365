import { boundedOverlap, noOverlap, type Overlap, overlapEnds } from '../insert-time-overlap.ts'
import type { SyncCursor } from '../warehouse.ts'
import type { BigQueryClient } from './client.ts'
import { runJob } from './jobs.ts'
import { overlapStatement } from './statements.ts'
import type { TypeRuleName } from './types.ts'

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

/** Counted in the run's own rows, which stand in the staging dataset. */
export async function countOverlap(
  client: BigQueryClient,
  quotedResults: string,
  parts: OverlapParts,
  signal: AbortSignal,
): Promise<Overlap> {
  const { rules, position, lo, hi, overlapMs, distinct, location, cursor } = parts
  if (overlapMs === 0) return noOverlap
  const place = { position, distinct, ...overlapEnds(rules[position], { lo, hi, overlapMs }) }
  const sql = overlapStatement(quotedResults, rules, place)
  const job = (attempt: number) => ({ id: `${parts.results}_overlap_${attempt}`, sql, location, labels: {} })
  const { rows } = await runJob(client, job, signal)
  const [before = 0, next = 0] = (rows[0] ?? []).map(Number)
  return boundedOverlap({ before, next }, overlapMs, cursor)
}
