import { boundedOverlap, noOverlap, type Overlap, overlapEnds } from '../insert-time-overlap.ts'
import type { SyncCursor } from '../warehouse.ts'
import type { DatabricksClient } from './client.ts'
import { overlapStatement, type Reading } from './statements.ts'

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

/** Counted at the version of the run. */
export async function countOverlap(
  client: DatabricksClient,
  { reading, position, lo, hi, overlapMs, distinct, cursor }: OverlapParts,
  signal: AbortSignal,
): Promise<Overlap> {
  if (overlapMs === 0 || hi === null) return noOverlap
  const place = { position, distinct, ...overlapEnds(reading.columns[position]?.rule, { lo, hi, overlapMs }) }
  const [row] = await client.ask(overlapStatement(reading, place), signal)
  return boundedOverlap({ before: Number(row?.a ?? 0), next: Number(row?.b ?? 0) }, overlapMs, cursor)
}
