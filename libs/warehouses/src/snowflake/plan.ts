import { columnNotFound, identityOf } from '../columns-by-name.ts'
import { fromOf, latestOf, noOverlap, overlapOf } from '../insert-time-overlap.ts'
import { resyncRequired } from '../mirror/resync-required.ts'
import { schemaFingerprint } from '../schema-fingerprint.ts'
import type { PlanRequest, ReadPlan } from '../warehouse.ts'
import { type FoundTable, findTable, rowSchemaOf, type TableColumn } from './catalog.ts'
import { countOverlap } from './overlap.ts'
import { pinLost } from './pin-lost.ts'
import { planMirror } from './plan-mirror.ts'
import { chunksOf, type Place, pinOf, type SnowflakePin } from './plan-parts.ts'
import { fingerprintOf, isTable, makeOnce, queryTag, runPrefix } from './staging.ts'
import { checkTimeColumn, leftOutStatement, setAsideStatement, sizeStatement } from './statements.ts'

/**
 * Fixes what a run reads. One CREATE TABLE AS sets its rows aside in the connector's schema, with numbers; chunks are ranges of
 * these: the source is scanned once, and whoever reads a chunk, however often, reads the same rows.
 *
 * Exactness, per mode:
 * - full, one_time: the rows of the table at one moment, since a statement of Snowflake sees one; each row once.
 * - append: of those the ones with t > lo - overlap, and hi is the latest t among the rows that were set aside: range, end and
 *   rows are of the same moment, also for views. A row that commits later with a time below hi is read by the next run if its time
 *   lies within the overlap.
 * - mirror: see plan-mirror.ts.
 *
 * A plan that is made again after its process died finds the table by its name.
 * Proved by test/snowflake-append.test.ts and test/snowflake-mirror.test.ts.
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
  const { database } = client.options
  const { cursor } = request
  const lo = cursor?.hi ?? null
  const overlapMs = column === null ? 0 : overlapOf(column, request.overlapMs)
  const results = await setAside(place, request, { found, column, lo, overlapMs }, signal)
  const position = column === null ? null : found.columns.indexOf(column)
  const [size = []] = await client.ask(sizeStatement(database, results, position), signal)
  const rows = Number(size[0] ?? 0)
  const hi = column === null ? null : latestOf(column, size[1], lo)
  const distinct = request.tableType === 'events' && identity.length === 0
  const columns = found.columns.length
  const overlap =
    column === null || position === null
      ? noOverlap
      : await countOverlap(client, { results, columns, position, column, lo, hi, overlapMs, distinct, cursor }, signal)
  const leftOut = column === null ? [] : await client.ask(leftOutStatement(database, found.table, column), signal)
  const pin: SnowflakePin = {
    runId: request.runId,
    results: results.name,
    rules: found.columns.map(({ rule }) => rule),
    before: null,
    stream: null,
    lastStream: null,
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
    chunks: chunksOf(rows, request.chunkRows),
    rowsEstimate: rows,
    rowsReadAgain: overlap.readAgain,
    rowsLeftOut: Number(leftOut[0]?.[0] ?? 0),
    pin,
    nextCursor: hi === null ? null : { hi, pin: { overlap: { overlapMs, rows: overlap.next } } },
  }
}

async function setAside(
  { client, afterStep }: Place,
  { runId }: PlanRequest,
  { found, column, lo, overlapMs }: Pick<Source, 'found' | 'column'> & { lo: string | null; overlapMs: number },
  signal: AbortSignal,
) {
  const { database, connectorSchema } = client.options
  const what = fingerprintOf([found.table, schemaFingerprint(found), column?.name, lo, overlapMs])
  const results = { schema: connectorSchema, name: `${runPrefix(runId)}${what}` }
  const bound = column === null ? null : { column, from: fromOf(column, lo, overlapMs) }
  const sql = setAsideStatement(database, found.table, found.columns, bound, results)
  const isThere = () => isTable(client, results.name, signal)
  await makeOnce(client, { sql, tag: queryTag(runId), isThere }, signal)
  await afterStep?.('set_aside')
  return results
}

/**
 * The same plan while the rows are there. When they are gone the moment of the run is past: the run fails, and the next one
 * reads what this one would have, since the cursor has not moved. Of a mirror, nobody knows then which of the changes have been
 * loaded: `resync_required`.
 */
export async function planAgain({ client }: Place, plan: ReadPlan, signal: AbortSignal): Promise<ReadPlan> {
  if (await isTable(client, pinOf(plan).results, signal)) return plan
  throw plan.mode === 'mirror' ? resyncRequired(plan.table, 'snapshot_gone') : pinLost()
}

/** Throws `column_not_found` or `insert_time_column_invalid`. */
function timeColumn(found: FoundTable, { insertTimeColumn }: Pick<PlanRequest, 'insertTimeColumn'>): TableColumn {
  const column = found.columns.find(({ name }) => name === insertTimeColumn)
  if (column === undefined) throw columnNotFound(insertTimeColumn ?? '', found.table)
  checkTimeColumn(column)
  return column
}
