import { fromOf } from '../insert-time-overlap.ts'
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

/** The range of a run's rows; its lower end is the overlap before `lo`. */
export function rangeOf(column: TableColumn, lo: string | null, hi: string, overlapMs: number): TimeRange {
  return { column, from: fromOf(column, lo, overlapMs), hi }
}
