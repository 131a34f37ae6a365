import type { MirrorCursor } from '../mirror/mirror-cursor.ts'
import { resyncRequired } from '../mirror/resync-required.ts'
import { shown } from '../shown.ts'
import type { TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { type FoundTable, findTable } from './catalog.ts'
import { quoteTable } from './identifiers.ts'
import { fingerprintOf, labelOf, timeOf } from './job-labels.ts'
import { runJob } from './jobs.ts'
import { serverTime } from './latest-time.ts'
import { snapshotStatement } from './mirror-statements.ts'
import { type Place, tableOf } from './set-aside.ts'

/** A snapshot in the staging dataset, and the moment that it shows. */
export type Snapshot = { readonly at: string; readonly found: FoundTable }

/** The snapshot of the last run. Throws `resync_required` when it, or the table it was taken of, is gone. */
export async function lastSnapshot(
  place: Place,
  found: FoundTable,
  last: MirrorCursor,
  signal: AbortSignal,
): Promise<FoundTable> {
  if (last.tableId !== found.createdAt) throw resyncRequired(found.table, 'table_recreated')
  return await findSnapshot(place, last.snapshot, found.table, signal)
}

/** Throws `resync_required` when a snapshot of `source` is not there. */
export async function findSnapshot(
  { client, stagingDataset }: Place,
  name: string,
  source: TableRef,
  signal: AbortSignal,
): Promise<FoundTable> {
  try {
    return await findTable(client, { schema: stagingDataset, name }, signal)
  } catch (error) {
    if (error instanceof WarehouseError && error.code === 'table_not_found')
      throw resyncRequired(source, 'snapshot_gone', error)
    throw error
  }
}

/**
 * Keeps the table as it is. A plan that is made again finds the job by its id, and with it the snapshot and its moment. A
 * table that was made anew meanwhile is looked at by the next attempt.
 */
export async function takeSnapshot(
  place: Place,
  found: FoundTable,
  runId: string,
  signal: AbortSignal,
): Promise<Snapshot> {
  const { client, stagingDataset } = place
  const at = await serverTime(client, found, signal)
  const what = fingerprintOf([found.table, found.createdAt])
  const idOf = (attempt: number) => `millrace_${runId}_snapshot_${what}_${attempt}`
  const nameOf = (jobId: string) => ({ schema: stagingDataset, name: tableOf(jobId) })
  const job = await runJob(
    client,
    (attempt) => ({
      id: idOf(attempt),
      sql: snapshotStatement(
        { quotedTable: quoteTable(client.projectId, found.table), at },
        quoteTable(client.projectId, nameOf(idOf(attempt))),
      ),
      location: found.location,
      labels: { millrace_at: labelOf(at) },
    }),
    signal,
  )
  const again = await findTable(client, found.table, signal)
  if (again.createdAt !== found.createdAt) throw replaced(found)
  const snapshot = await findTable(client, nameOf(job.id), signal)
  return { at: timeOf(job.labels.millrace_at) ?? at, found: snapshot }
}

function replaced({ table }: FoundTable): WarehouseError {
  return new WarehouseError(
    'snapshot_conflict',
    `${shown(table)} was made anew while a snapshot of it was taken.`,
    'It is tried again.',
  )
}
