import { identityOf } from '../columns-by-name.ts'
import { checkDrift } from '../mirror/check-drift.ts'
import { cursorOf, type MirrorCursor, mirrorCursor } from '../mirror/mirror-cursor.ts'
import { schemaFingerprint } from '../schema-fingerprint.ts'
import { shown } from '../shown.ts'
import type { EstimateRequest, PlanRequest, ReadPlan } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { checkPartitionFilter, type FoundTable, findTable, rowSchemaOf } from './catalog.ts'
import { chunksAgain, chunksOf } from './chunks.ts'
import { type Compared, type Comparison, compare, sideOf } from './compare.ts'
import { dryRun } from './jobs.ts'
import { changesStatement } from './mirror-statements.ts'
import { mayPrune, type Partition, rowsByPartition } from './partitions.ts'
import { type BigQueryPin, pinOf } from './pin.ts'
import { changedFilter, listPartitions } from './pruning.ts'
import type { Place } from './set-aside.ts'
import { lastSnapshot, type Snapshot, takeSnapshot } from './snapshots.ts'

/**
 * Fixes what a mirror run sends: a snapshot of the table is taken, and one query compares it with the snapshot that the last
 * succeeded run kept and sets the differences aside. Chunks are ranges of those.
 *
 * Exactness: the changes turn the distinct rows of the one snapshot into those of the other. Rows in BigQuery's streaming
 * buffer are in no snapshot yet; the run after they have left it sends them. All that may stop a run (another table, a lost
 * snapshot, another schema) is looked at before anything is made. A plan that is made again after its process died finds
 * its jobs by their ids. Proved by test/bigquery-mirror*.test.ts.
 */
export async function planMirror(place: Place, request: PlanRequest, signal: AbortSignal): Promise<ReadPlan> {
  const table = await findMirrored(place, request, signal)
  const identity = identityOf(request, table)
  const last = mirrorCursor(request.cursor)
  const old = last === null ? null : await lastSnapshot(place, table, last, signal)
  if (last !== null) checkDrift(request, last, schemaNow(table, identity))
  const snapshot = await takeSnapshot(place, table, request.runId, signal)
  // The table may have been altered just before: what counts is what the snapshot has.
  const found = { ...table, columns: snapshot.found.columns }
  identityOf(request, found)
  const drift = last === null ? null : checkDrift(request, last, schemaNow(found, identity))
  const comparison: Comparison = {
    runId: request.runId,
    source: table.table,
    location: table.location,
    now: { table: snapshot.found.table.name, key: identity },
    old: old === null ? null : { table: old.table.name, key: last?.schema.key ?? [] },
    before: last === null ? [] : request.before.map(({ name }) => name),
    filter: null,
    epoch: 0,
  }
  const partitions = await listPartitions(place, snapshot.found, signal)
  // Other columns change the checksums of rows in partitions that did not change.
  const isWhole = last === null || drift?.kind === 'stop'
  const filter = isWhole ? null : await changedFilter(place, { found, identity, last, partitions }, signal)
  const compared = await comparePruned(place, comparison, filter, mayPrune(found, identity), signal)
  return planOf(request, { found, identity, last, snapshot, partitions, compared })
}

/** Only a base table has snapshots. Throws `mode_not_supported`. */
async function findMirrored(place: Place, { table }: Pick<PlanRequest, 'table'>, signal: AbortSignal) {
  const found = await findTable(place.client, table, signal)
  if (found.kind !== 'TABLE')
    throw new WarehouseError(
      'mode_not_supported',
      `${shown(table)} is no base table, and mirror is not supported on views, external tables and snapshots in BigQuery.`,
      'Mirror the table that it reads from, or use another mode.',
    )
  checkPartitionFilter(found)
  return found
}

/** The key of a mirrored table is what its rows are found by. */
function schemaNow(found: FoundTable, identity: readonly string[]) {
  return {
    schema: { ...rowSchemaOf(found), key: identity },
    fingerprint: schemaFingerprint(found),
    mayContinue: true,
  }
}

/** Deletes that were found in a part of the partitions only count when an identical row cannot stand in another one. */
async function comparePruned(
  place: Place,
  comparison: Comparison,
  filter: string | null,
  pruning: ReturnType<typeof mayPrune>,
  signal: AbortSignal,
): Promise<Compared> {
  if (filter === null) return await compare(place, comparison, signal)
  const compared = await compare(place, { ...comparison, filter }, signal)
  const isSure = pruning === 'yes' || compared.deletes === 0
  return isSure ? compared : await compare(place, comparison, signal)
}

type PlanParts = {
  readonly found: FoundTable
  readonly identity: readonly string[]
  readonly last: MirrorCursor | null
  readonly snapshot: Snapshot
  readonly partitions: readonly Partition[] | null
  readonly compared: Compared
}

function planOf(request: PlanRequest, parts: PlanParts): ReadPlan {
  const { found, identity, last, snapshot, partitions, compared } = parts
  const { inserts, updates, deletes } = compared
  const knownRows = last?.rows ?? 0
  const rows = knownRows + inserts - deletes
  const schema = rowSchemaOf(found)
  const next: MirrorCursor = {
    snapshot: snapshot.found.table.name,
    at: snapshot.at,
    tableId: found.createdAt,
    schema: { ...schema, key: identity },
    rows,
    ...(snapshot.found.expiresAt === null ? {} : { expiresAt: snapshot.found.expiresAt }),
    ...(partitions === null ? {} : { partitions: rowsByPartition(partitions) }),
  }
  return {
    mode: request.mode,
    tableType: request.tableType,
    table: found.table,
    schema,
    identity,
    schemaFingerprint: schemaFingerprint(found),
    range: null,
    before: request.before,
    changes: { inserts, updates, deletes, knownRows, identicalRows: Math.max(0, snapshot.found.rows - rows) },
    chunks: chunksOf(compared.rows, request.chunkRows),
    rowsEstimate: compared.rows,
    rowsReadAgain: 0,
    rowsLeftOut: 0,
    pin: pinFor(request.runId, 0, snapshot.at, found, compared),
    nextCursor: cursorOf(next),
  }
}

function pinFor(runId: string, epoch: number, at: string, found: FoundTable, compared: Compared): BigQueryPin {
  const { comparison, beforeRules, results, rows } = compared
  const rules = found.columns.map(({ rule }) => rule)
  return { runId, epoch, at, results, rows, rules, mirror: { comparison, beforeRules } }
}

/** The same differences set aside anew: both snapshots are still there, but the order of the rows may be another. */
export async function compareAgain(place: Place, plan: ReadPlan, signal: AbortSignal): Promise<ReadPlan> {
  const pin = pinOf(plan)
  if (pin.mirror === undefined) throw new Error('the plan is not one of a mirror')
  const epoch = pin.epoch + 1
  const compared = await compare(place, { ...pin.mirror.comparison, epoch }, signal)
  const { results, rows } = compared
  return { ...plan, chunks: chunksAgain(plan.chunks, rows), rowsEstimate: rows, pin: { ...pin, epoch, results, rows } }
}

/** What comparing the table as it is with the last snapshot would read, in bytes. */
export async function estimateMirror(place: Place, request: EstimateRequest, signal: AbortSignal): Promise<number> {
  const table = await findMirrored(place, request, signal)
  const { client } = place
  const last = mirrorCursor(request.cursor)
  const old = last === null ? null : await lastSnapshot(place, table, last, signal)
  const identity = last?.schema.key ?? table.key
  const partitions = await listPartitions(place, table, signal)
  const filter = last === null ? null : await changedFilter(place, { found: table, identity, last, partitions }, signal)
  const diff = {
    now: sideOf(client.projectId, table, identity),
    old: old === null ? null : sideOf(client.projectId, old, identity),
    before: [],
    filter,
  }
  return await dryRun(client, changesStatement(diff), table.location, signal)
}
