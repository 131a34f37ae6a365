import type { ProfileKind } from '../words.ts'

/** What the destination accepted from a run, by its counters. A row that moved is one update; rejects and retracts are in none. */
export type AcceptedCounts = {
  readonly events: number
  readonly updates: number
  readonly deletes: number
  readonly userUpdates: number
  readonly userDeletes: number
  readonly groupUpdates: number
  readonly groupDeletes: number
}

export type Accepted = {
  /** When the destination accepted them, ms since 1970-01-01T00:00:00Z: usage goes by the time of ingestion, not by that of events. */
  readonly atMs: number
  /** null for events and lookup tables. */
  readonly profileKind: ProfileKind | null
  readonly counts: AcceptedCounts
}

/** The names under which usage is shown, in their order. */
export const usageLineNames = [
  'Events',
  'Events - Updates',
  'Events - Deletes',
  'User - Updates',
  'User - Deletes',
] as const
export type UsageLineName = (typeof usageLineNames)[number]
export type UsageLines = Readonly<Record<UsageLineName, number>>

/**
 * Billable operations by month of UTC (`2026-01`), months in order; those without any are left out. Source: the guide, "What
 * actions impact billing":
 *
 * | accepted                                    | billed as                           |
 * | ------------------------------------------- | ----------------------------------- |
 * | events of any mode                          | Events                              |
 * | updates and deletes of events (mirror)      | Events - Updates, Events - Deletes  |
 * | rows of profile history, new ones included, | User - Updates, User - Deletes      |
 * | of users and of groups                      |                                     |
 * | standard profiles, lookup tables            | nothing                             |
 *
 * The hidden event of a row of profile history is not billed beside the row.
 */
export function usageByMonth(accepted: Iterable<Accepted>): ReadonlyMap<string, UsageLines> {
  const months = new Map<string, Record<UsageLineName, number>>()
  for (const { atMs, profileKind, counts } of accepted) {
    const isHistory = profileKind === 'history'
    const billed: UsageLines = {
      Events: counts.events,
      'Events - Updates': counts.updates,
      'Events - Deletes': counts.deletes,
      'User - Updates': isHistory ? counts.userUpdates + counts.groupUpdates : 0,
      'User - Deletes': isHistory ? counts.userDeletes + counts.groupDeletes : 0,
    }
    if (usageLineNames.every((name) => billed[name] === 0)) continue
    const month = new Date(atMs).toISOString().slice(0, 7)
    const lines = months.get(month)
    if (lines === undefined) months.set(month, { ...billed })
    else for (const name of usageLineNames) lines[name] += billed[name]
  }
  return new Map([...months].sort(([a], [b]) => (a < b ? -1 : 1)))
}
