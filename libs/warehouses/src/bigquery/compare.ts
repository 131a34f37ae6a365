import type { TableRef } from '../warehouse.ts'
import type { FoundTable } from './catalog.ts'
import { quoteTable } from './identifiers.ts'
import { fingerprintOf } from './job-labels.ts'
import { runJob } from './jobs.ts'
import { countsStatement, type DiffSide, diffStatement } from './mirror-statements.ts'
import { type Place, tableOf } from './set-aside.ts'
import { findSnapshot } from './snapshots.ts'
import type { TypeRuleName } from './types.ts'

/** One of two snapshots, by its name, and the identity of rows at its time. Plain JSON: plans remember it. */
export type ComparedSide = { readonly table: string; readonly key: readonly string[] }

export type Comparison = {
  readonly runId: string
  readonly source: TableRef
  readonly location: string | undefined
  readonly now: ComparedSide
  /** null for a first run. */
  readonly old: ComparedSide | null
  readonly before: readonly string[]
  readonly filter: string | null
  readonly epoch: number
}

export type Compared = {
  readonly comparison: Comparison
  /** The table of the staging dataset with the differences. */
  readonly results: string
  readonly rows: number
  readonly beforeRules: readonly TypeRuleName[]
  readonly inserts: number
  readonly updates: number
  readonly deletes: number
}

/** One query sets aside how two snapshots differ. Throws `resync_required` when one of them is gone. */
export async function compare(place: Place, comparison: Comparison, signal: AbortSignal): Promise<Compared> {
  const { client, stagingDataset } = place
  const { runId, location, source, epoch, before, filter } = comparison
  const found = (side: ComparedSide) => findSnapshot(place, side.table, source, signal)
  const now = await found(comparison.now)
  const old = comparison.old === null ? null : await found(comparison.old)
  const diff = {
    now: sideOf(client.projectId, now, comparison.now.key),
    old: old === null ? null : sideOf(client.projectId, old, comparison.old?.key ?? []),
    before,
    filter,
  }
  const what = fingerprintOf([comparison.now, comparison.old, before, filter])
  const idOf = (attempt: number) => `millrace_${runId}_diff_${what}_${epoch}_${attempt}`
  const nameOf = (id: string) => quoteTable(client.projectId, { schema: stagingDataset, name: tableOf(id) })
  const job = await runJob(
    client,
    (attempt) => ({ id: idOf(attempt), sql: diffStatement(diff, nameOf(idOf(attempt))), location, labels: {} }),
    signal,
  )
  const counting = (attempt: number) => ({
    id: `${job.id}_counts_${attempt}`,
    sql: countsStatement(nameOf(job.id)),
    location,
    labels: {},
  })
  const counts = (await runJob(client, counting, signal)).rows[0] ?? []
  const [inserts = 0, updates = 0, deletes = 0] = counts.map(Number)
  const beforeRules = before.flatMap((name) => old?.columns.find((column) => column.name === name)?.rule ?? [])
  const rows = inserts + updates + deletes
  return { comparison, results: tableOf(job.id), rows, beforeRules, inserts, updates, deletes }
}

export function sideOf(projectId: string, found: FoundTable, key: readonly string[]): DiffSide {
  return { quotedTable: quoteTable(projectId, found.table), columns: found.columns, key }
}
