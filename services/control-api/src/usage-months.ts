import { type Accepted, type UsageLines, usageByMonth, usageLineNames } from '@millrace/domain/sync/usage-lines.ts'
import type { AcceptedOfSync } from '@millrace/store/usage/accepted-by-month.ts'

export type UsageMonth = {
  readonly month: string
  readonly total: UsageLines
  readonly syncs: { readonly syncId: string; readonly name: string; readonly lines: UsageLines }[]
}

/** The first moment of a month (`2026-02`) of UTC, or of one `later` months after it. */
export function startOfMonth(month: string, later = 0): Date {
  const [year, number] = month.split('-').map(Number)
  return new Date(Date.UTC(year!, number! - 1 + later))
}

export function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7)
}

/** The months `from` to `to`, both included, in order. Empty when `from` is after `to`. */
export function monthsBetween(from: string, to: string): string[] {
  const months: string[] = []
  for (let month = from; month <= to; month = monthOf(startOfMonth(month, 1).getTime())) months.push(month)
  return months
}

/** The lines of each month asked for, of the project and of its syncs; months without usage have zeros. */
export function usageMonths(months: readonly string[], accepted: readonly AcceptedOfSync[]): UsageMonth[] {
  return months.map((month) => {
    const ofMonth = accepted.filter(({ atMs }) => monthOf(atMs) === month)
    const bySync = Map.groupBy(ofMonth, ({ syncId }) => syncId)
    const syncs = [...bySync].flatMap(([syncId, parts]) => {
      const lines = usageByMonth(parts).get(month)
      return lines === undefined ? [] : [{ syncId, name: parts[0]!.syncName, lines }]
    })
    return { month, total: linesOf(ofMonth, month), syncs }
  })
}

function linesOf(accepted: readonly Accepted[], month: string): UsageLines {
  return usageByMonth(accepted).get(month) ?? none
}

const none = Object.fromEntries(usageLineNames.map((name) => [name, 0])) as UsageLines
