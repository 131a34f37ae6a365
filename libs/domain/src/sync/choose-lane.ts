import type { Lane } from '../words.ts'

/** A run that will probably read more rows than this goes to the bulk lane, out of the way of small ones. */
export const liveRowsMax = 500_000

/**
 * The lane of a new run. What a run will read is known only once it is planned, and its lane is needed before; so the
 * last finished run of the sync stands for it. A sync's first run is a backfill.
 */
export function chooseLane(facts: {
  /** What the sync's owner has decided, if anything. */
  readonly override: Lane | null
  /** Rows read by the last succeeded run; null when there was none. */
  readonly lastReadRows: number | null
}): Lane {
  if (facts.override) return facts.override
  return facts.lastReadRows !== null && facts.lastReadRows <= liveRowsMax ? 'live' : 'bulk'
}
