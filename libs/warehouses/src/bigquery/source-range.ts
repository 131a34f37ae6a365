import { dayOf, microsOf, microsOfDay, timeText } from '../time-text.ts'
import type { FoundTable, TableColumn } from './catalog.ts'
import type { BigQueryClient } from './client.ts'
import { ga4Source } from './ga4-tables.ts'
import { quoteTable } from './identifiers.ts'
import type { Origin, TimeRange } from './statements.ts'

/** The table as it was at a moment; null = as it is. */
export function originOf(client: BigQueryClient, found: FoundTable, at: string | null): Origin {
  const { table, ga4 } = found
  if (ga4 !== undefined) return { quotedTable: ga4Source(client.projectId, table.schema, ga4, 'all'), at: null }
  return { quotedTable: quoteTable(client.projectId, table), at }
}

/** What a preview looks at: of a Google Analytics 4 export its newest day. */
export function previewOriginOf(client: BigQueryClient, found: FoundTable): Origin {
  const { table, ga4 } = found
  if (ga4 === undefined) return originOf(client, found, null)
  return { quotedTable: ga4Source(client.projectId, table.schema, ga4, 'newest'), at: null }
}

/** The lower end of the range: the overlap before `lo`. Dates are whole days. */
export function rangeOf(column: TableColumn, lo: string | null, hi: string, overlapMs: number): TimeRange {
  if (lo === null) return { column, from: null, hi }
  const from = microsOf(lo) - BigInt(overlapMs) * 1000n
  return { column, from: timeText(column.rule === 'date' ? microsOfDay(dayOf(from)) : from), hi }
}
