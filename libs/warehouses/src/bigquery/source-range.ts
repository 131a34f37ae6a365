import type { FoundTable, TableColumn } from './catalog.ts'
import type { BigQueryClient } from './client.ts'
import { quoteTable } from './identifiers.ts'
import type { Origin, TimeRange } from './statements.ts'
import { dayOf, microsOf, microsOfDay, timeText } from './time-text.ts'

/** The table as it was at a moment; null = as it is. */
export function originOf(client: BigQueryClient, found: FoundTable, at: string | null): Origin {
  return { quotedTable: quoteTable(client.projectId, found.table), at }
}

/** The lower end of the range: the overlap before `lo`. Dates are whole days. */
export function rangeOf(column: TableColumn, lo: string | null, hi: string, overlapMs: number): TimeRange {
  if (lo === null) return { column, from: null, hi }
  const from = microsOf(lo) - BigInt(overlapMs) * 1000n
  return { column, from: timeText(column.rule === 'date' ? microsOfDay(dayOf(from)) : from), hi }
}
