import { schemaFingerprint } from '../schema-fingerprint.ts'
import type { FoundTable, TableColumn } from './catalog.ts'
import type { BigQueryClient } from './client.ts'
import { quoteTable } from './identifiers.ts'
import { fingerprintOf, labelOf, timeOf } from './job-labels.ts'
import { runJob } from './jobs.ts'
import { originOf, rangeOf } from './source-range.ts'
import { readStatement } from './statements.ts'
import type { StorageClient } from './storage-client.ts'

/** Where a run's rows are set aside. */
export type Place = {
  readonly client: BigQueryClient
  readonly stagingDataset: string
  /** null = rows are read by pages. */
  readonly storage: StorageClient | null
}

export type ToSetAside = {
  readonly runId: string
  readonly overlapMs: number
  readonly column: TableColumn | null
  readonly at: string | null
  readonly lo: string | null
  readonly hi: string | null
  readonly epoch: number
}
/** What an attempt that died has fixed before goes over what is asked for. */
export type SetAside = {
  readonly at: string | null
  readonly hi: string | null
  readonly results: string
  readonly rows: number
}

/** One query puts the rows of a run into a table of their own. */
export async function setAside(
  place: Place,
  found: FoundTable,
  asked: ToSetAside,
  signal: AbortSignal,
): Promise<SetAside> {
  const { client, stagingDataset } = place
  const { runId, overlapMs, column, at, lo, hi, epoch } = asked
  const range = column === null || hi === null ? null : rangeOf(column, lo, hi, overlapMs)
  const what = fingerprintOf([found.table, schemaFingerprint(found), column?.name, lo, overlapMs])
  const idOf = (attempt: number) => `millrace_${runId}_read_${what}_${epoch}_${attempt}`
  const job = await runJob(
    client,
    (attempt) => ({
      id: idOf(attempt),
      sql: readStatement(
        originOf(client, found, at),
        found.columns,
        range,
        quoteTable(client.projectId, { schema: stagingDataset, name: tableOf(idOf(attempt)) }),
      ),
      location: found.location,
      labels: { millrace_at: labelOf(at), millrace_hi: labelOf(hi) },
    }),
    signal,
  )
  const results = tableOf(job.id)
  const path = `/datasets/${stagingDataset}/tables/${results}`
  const { numRows } = await client.call<{ numRows?: string }>({ path }, signal)
  const labels = job.labels
  return { at: timeOf(labels.millrace_at), hi: timeOf(labels.millrace_hi), results, rows: Number(numRows ?? 0) }
}

/** Jobs and tables have the same names; those of tables have no hyphens. */
export function tableOf(jobId: string): string {
  return jobId.replaceAll('-', '_')
}
