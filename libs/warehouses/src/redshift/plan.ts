import { columnNotFound, identityOf } from '../columns-by-name.ts'
import { fromOf, latestOf, noOverlap, overlapOf } from '../insert-time-overlap.ts'
import { schemaFingerprint } from '../schema-fingerprint.ts'
import { shown } from '../shown.ts'
import type { PlanRequest, ReadPlan } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { type FoundTable, findTable, rowSchemaOf, type TableColumn } from './catalog.ts'
import { changeFiles, rowFiles } from './file-contents.ts'
import { countOverlap } from './overlap.ts'
import { planMirror } from './plan-mirror.ts'
import { chunksOf, pinOf, type RedshiftChunk, type RedshiftPin, regrouped } from './plan-parts.ts'
import { ask } from './run-step.ts'
import { makeOnce, type Place, unload } from './set-aside.ts'
import { fingerprintOf, isStaged, resultsName } from './staging.ts'
import { checkTimeColumn, leftOutStatement, setAsideStatement, sizeStatement } from './statements.ts'

/**
 * Fixes what a run reads. One CREATE TABLE AS sets its rows aside in the staging schema, UNLOAD writes them into the bucket, and
 * chunks are groups of the files: the source is scanned once, and whoever reads a chunk, however often, reads the same rows.
 *
 * Exactness, per mode:
 * - full, one_time: the rows of the table at one moment, since a statement of Redshift sees one; each row once.
 * - append: of those the ones with t > lo - overlap, and hi is the latest t among the rows that were set aside: range, end and
 *   rows are of the same moment, also for views. A row that commits later with a time below hi is read by the next run if its time
 *   is within the overlap. Rows whose insert time is NULL are never read.
 * - mirror: see plan-mirror.ts.
 *
 * A plan that is made again after its process died finds the table by its name, and the statement by its token.
 * Proved by test/redshift-append.test.ts, test/redshift-plan.test.ts and test/redshift-mirror.test.ts.
 */
export async function planRead(place: Place, request: PlanRequest, signal: AbortSignal): Promise<ReadPlan> {
  const found = await findTable(place.client, request.table, signal)
  const identity = identityOf(request, found)
  if (request.mode === 'mirror') return await planMirror(place, request, found, identity, signal)
  const column = request.mode === 'append' ? timeColumn(found, request) : null
  return await planRows(place, request, { found, identity, column }, signal)
}

type Source = {
  readonly found: FoundTable
  readonly identity: readonly string[]
  readonly column: TableColumn | null
}

async function planRows(
  place: Place,
  request: PlanRequest,
  { found, identity, column }: Source,
  signal: AbortSignal,
): Promise<ReadPlan> {
  const { client } = place
  const { runId, cursor } = request
  const rules = found.columns.map(({ rule }) => rule)
  const lo = cursor?.hi ?? null
  const overlapMs = column === null ? 0 : overlapOf(column, request.overlapMs)
  const position = column === null ? null : found.columns.indexOf(column)
  const name = resultsName(runId, fingerprintOf([found.table, schemaFingerprint(found), column?.name, lo, overlapMs]))
  const results = { schema: place.stagingSchema, name }
  const bound = column === null ? null : { column, from: fromOf(column, lo, overlapMs) }
  const sqls = [setAsideStatement(found.table, found.columns, bound, results)]
  await makeOnce(place, { runId, table: results, sqls }, signal)
  await place.afterStep?.('set_aside')
  const [size = []] = await ask(client, [sizeStatement(results, position)], signal)
  const rows = Number(size[0] ?? 0)
  const hi = column === null ? null : latestOf(column, size[1], lo)
  const distinct = request.tableType === 'events' && identity.length === 0
  const overlap =
    position === null
      ? noOverlap
      : await countOverlap(client, { results, rules, position, lo, hi, overlapMs, distinct, cursor }, signal)
  const leftOut = column === null ? [] : await ask(client, [leftOutStatement(found.table, column)], signal)
  const { path, files } = await unload(place, runId, 0, rowFiles(results, rules, rows), signal)
  const pin: RedshiftPin = {
    runId,
    epoch: 0,
    results: name,
    path,
    rules,
    before: null,
    snapshot: null,
    lastSnapshot: null,
  }
  return {
    mode: request.mode,
    tableType: request.tableType,
    table: found.table,
    schema: rowSchemaOf(found),
    identity,
    schemaFingerprint: schemaFingerprint(found),
    range: column === null ? null : { column: column.name, lo, hi, overlapMs },
    before: [],
    changes: null,
    chunks: chunksOf(files, request.chunkRows),
    rowsEstimate: rows,
    rowsReadAgain: overlap.readAgain,
    rowsLeftOut: Number(leftOut[0]?.[0] ?? 0),
    pin,
    nextCursor: hi === null ? null : { hi, pin: { overlap: { overlapMs, rows: overlap.next } } },
  }
}

/**
 * The same rows, unloaded anew from the staging schema. When they are gone there as well, the moment of the run is past: the
 * run fails, and the next one reads what this one would have, since the cursor has not moved. Of a mirror, nobody knows then
 * which of the changes have been loaded: `resync_required`.
 */
export async function planAgain(place: Place, plan: ReadPlan, signal: AbortSignal): Promise<ReadPlan> {
  const pin = pinOf(plan)
  const chunks = plan.chunks as readonly RedshiftChunk[]
  const results = { schema: place.stagingSchema, name: pin.results }
  if (!(await isStaged(place, pin.results, signal))) throw rowsGone(plan)
  const rows = chunks.reduce((sum, chunk) => sum + chunk.rows, 0)
  const { rules, before } = pin
  const what = before === null ? rowFiles(results, rules, rows) : changeFiles(results, rules, before, rows)
  const epoch = pin.epoch + 1
  const { path, files } = await unload(place, pin.runId, epoch, what, signal)
  return { ...plan, chunks: regrouped(files, chunks), pin: { ...pin, epoch, path } }
}

/** Throws `column_not_found` or `insert_time_column_invalid`. */
function timeColumn(found: FoundTable, { insertTimeColumn }: Pick<PlanRequest, 'insertTimeColumn'>): TableColumn {
  const column = found.columns.find(({ name }) => name === insertTimeColumn)
  if (column === undefined) throw columnNotFound(insertTimeColumn ?? '', found.table)
  checkTimeColumn(column)
  return column
}

function rowsGone(plan: ReadPlan): WarehouseError {
  if (plan.mode === 'mirror')
    return new WarehouseError(
      'resync_required',
      `The changes of ${shown(plan.table)} were removed from the staging schema before all of them were loaded.`,
      'Resync: the table is sent as a whole, and what older runs have loaded is removed.',
      { details: { reason: 'changes_gone' } },
    )
  return new WarehouseError(
    'query_failed',
    `The rows of ${shown(plan.table)} that the run has set aside were removed from the staging schema.`,
    'Start the sync again: nothing is lost. Let nobody else remove tables of the staging schema.',
  )
}
