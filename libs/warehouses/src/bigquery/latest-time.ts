import { ga4DayColumn } from '@millrace/domain/sync/ga4.ts'
import { columnNotFound } from '../columns-by-name.ts'
import { schemaFingerprint } from '../schema-fingerprint.ts'
import { microsOfDay, timeText } from '../time-text.ts'
import type { PlanRequest } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { FoundTable, TableColumn } from './catalog.ts'
import type { BigQueryClient } from './client.ts'
import { fingerprintOf, labelOf, timeOf } from './job-labels.ts'
import { ask, runJob } from './jobs.ts'
import { originOf } from './source-range.ts'
import { checkTimeColumn, latestStatement, nowStatement } from './statements.ts'

/** BigQuery's time, so that no clock of ours can name a moment that is still to come. */
export async function serverTime(client: BigQueryClient, found: FoundTable, signal: AbortSignal): Promise<string> {
  const rows = await ask(client, nowStatement, signal, { location: found.location })
  return timeText(BigInt(rows[0]?.[0] ?? '0'))
}

/** Throws `column_not_found` or `insert_time_column_invalid`. */
export function timeColumn(
  found: FoundTable,
  { insertTimeColumn }: Pick<PlanRequest, 'insertTimeColumn'>,
): TableColumn {
  const column = found.columns.find(({ name }) => name === insertTimeColumn)
  if (column === undefined) throw columnNotFound(insertTimeColumn ?? '', found.table)
  checkTimeColumn(found, column)
  if (found.ga4 !== undefined && column.name !== ga4DayColumn)
    throw new WarehouseError(
      'insert_time_column_invalid',
      `Google adds events to the table of their day: only ${ga4DayColumn} finds new rows of a Google Analytics 4 export.`,
      `Set insertTimeColumn to ${ga4DayColumn}.`,
    )
  return column
}

/** What an append run starts from: the moment it looks at, its hi, and how many rows have no insert time. */
export type Latest = { readonly at: string | null; readonly hi: string | null; readonly leftOut: number }
export const noTime: Omit<Latest, 'at'> = { hi: null, leftOut: 0 }

type LatestOf = {
  readonly runId: string
  readonly column: TableColumn
  readonly at: string | null
  readonly lo: string | null
}

/**
 * A plan that is made again finds the job of the first one, and with it the moment that it looked at. The latest row may
 * be gone since the last run; what was read stays read.
 */
export async function latestTime(
  client: BigQueryClient,
  found: FoundTable,
  { runId, column, at, lo }: LatestOf,
  signal: AbortSignal,
): Promise<Latest> {
  const what = fingerprintOf([found.table, schemaFingerprint(found), column.name, lo])
  const { rows, labels } = await runJob(
    client,
    (attempt) => ({
      id: `millrace_${runId}_latest_${what}_${attempt}`,
      sql: latestStatement(originOf(client, found, at), column, lo),
      location: found.location,
      labels: { millrace_at: labelOf(at) },
    }),
    signal,
  )
  const value = rows[0]?.[0] ?? null
  const known = { at: timeOf(labels.millrace_at), leftOut: Number(rows[0]?.[1] ?? 0) }
  if (value === null) return { ...known, hi: lo }
  return { ...known, hi: timeText(column.rule === 'date' ? microsOfDay(BigInt(value)) : BigInt(value)) }
}
