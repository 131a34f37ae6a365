import { boundedOverlap, noOverlap, type Overlap, overlapEnds } from '../insert-time-overlap.ts'
import type { SyncCursor, TableRef } from '../warehouse.ts'
import type { RedshiftClient } from './client.ts'
import { ask } from './run-step.ts'
import { overlapStatement, prelude } from './statements.ts'
import type { TypeRuleName } from './types.ts'

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

/** Counted in the run's own rows, which stand in the staging schema. */
export async function countOverlap(
  client: RedshiftClient,
  { results, rules, position, lo, hi, overlapMs, distinct, cursor }: OverlapParts,
  signal: AbortSignal,
): Promise<Overlap> {
  if (overlapMs === 0 || hi === null) return noOverlap
  const place = { position, distinct, ...overlapEnds(rules[position], { lo, hi, overlapMs }) }
  const rows = await ask(client, [...prelude(rules), overlapStatement(results, rules, place)], signal)
  const [before = 0, next = 0] = (rows[0] ?? []).map(Number)
  return boundedOverlap({ before, next }, overlapMs, cursor)
}
