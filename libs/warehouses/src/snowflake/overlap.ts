import { boundedOverlap, noOverlap, type Overlap, overlapEnds } from '../insert-time-overlap.ts'
import type { SyncCursor, TableRef } from '../warehouse.ts'
import type { TableColumn } from './catalog.ts'
import type { SnowflakeClient } from './client.ts'
import { overlapStatement } from './statements.ts'

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

/** Counted in the run's own rows, which stand in the connector's schema. */
export async function countOverlap(
  client: SnowflakeClient,
  { results, columns, position, column, lo, hi, overlapMs, distinct, cursor }: OverlapParts,
  signal: AbortSignal,
): Promise<Overlap> {
  if (overlapMs === 0 || hi === null) return noOverlap
  const place = { position, columns, distinct, ...overlapEnds(column.rule, { lo, hi, overlapMs }) }
  const rows = await client.ask(overlapStatement(client.options.database, results, place), signal)
  const [before = 0, next = 0] = (rows[0] ?? []).map(Number)
  return boundedOverlap({ before, next }, overlapMs, cursor)
}
