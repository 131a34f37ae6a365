import { identityOf } from '../columns-by-name.ts'
import { noOverlap, overlapOf } from '../insert-time-overlap.ts'
import { schemaFingerprint } from '../schema-fingerprint.ts'
import { shown } from '../shown.ts'
import type { PlanRequest, ReadPlan } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { canTravelInTime, checkPartitionFilter, findTable, rowSchemaOf } from './catalog.ts'
import { chunksAgain, chunksOf } from './chunks.ts'
import { quoteTable } from './identifiers.ts'
import { latestTime, noTime, serverTime, timeColumn } from './latest-time.ts'
import { compareAgain, planMirror } from './mirror-plan.ts'
import { countOverlap } from './overlap.ts'
import { type BigQueryPin, pinOf } from './pin.ts'
import { type Place, setAside } from './set-aside.ts'

/**
 * Fixes what a run reads: one query sets its rows aside in a table of the staging dataset, and chunks are ranges of that
 * table's rows. So the source is scanned once, and whoever reads a chunk, however often, reads the same rows.
 *
 * Exactness, per mode:
 * - full, one_time: the rows of the table at one moment (`pin.at`, by BigQuery's clock), each once.
 * - append: of those the ones with lo - overlap < t <= hi, where hi is the latest insert time at the same moment, in
 *   microseconds. A row that commits later with a time below hi is read by the next run if its time is within the
 *   overlap. Rows whose insert time is NULL are never read.
 * - views have no past: hi is found first and the rows are set aside after it, so rows that arrive in between are read
 *   when their time is at most hi.
 *
 * A plan that is made again after its process died finds its job by the id and takes over its moment and its hi.
 * Proved by test/bigquery-append.test.ts and test/bigquery-plan.test.ts.
 */
export async function planRead(place: Place, request: PlanRequest, signal: AbortSignal): Promise<ReadPlan> {
  if (request.mode === 'mirror') return await planMirror(place, request, signal)
  const { client } = place
  const found = await findTable(client, request.table, signal)
  const identity = identityOf(request, found)
  const column = request.mode === 'append' ? timeColumn(found, request) : null
  checkPartitionFilter(found, column?.name)
  const now = canTravelInTime(found) ? await serverTime(client, found, signal) : null
  const lo = request.cursor?.hi ?? null
  const overlapMs = column === null ? 0 : overlapOf(column, request.overlapMs)
  const { runId } = request
  const latest =
    column === null ? { ...noTime, at: now } : await latestTime(client, found, { runId, column, at: now, lo }, signal)
  const { at } = latest
  const nothing = column !== null && (latest.hi === null || (latest.hi === lo && overlapMs === 0))
  const asked = { runId, overlapMs, column, at, lo, hi: latest.hi, epoch: 0 }
  const set = nothing ? { at, hi: latest.hi, results: null, rows: 0 } : await setAside(place, found, asked, signal)
  const rules = found.columns.map(({ rule }) => rule)
  const pin: BigQueryPin = { runId, epoch: 0, at: set.at, results: set.results, rows: set.rows, rules }
  const overlap =
    column === null || set.results === null || set.hi === null
      ? noOverlap
      : await countOverlap(
          client,
          quoteTable(client.projectId, { schema: place.stagingDataset, name: set.results }),
          {
            results: set.results,
            rules,
            position: found.columns.indexOf(column),
            lo,
            hi: set.hi,
            overlapMs,
            distinct: request.tableType === 'events' && identity.length === 0,
            location: found.location,
            cursor: request.cursor,
          },
          signal,
        )
  return {
    mode: request.mode,
    tableType: request.tableType,
    table: found.table,
    schema: rowSchemaOf(found),
    identity,
    schemaFingerprint: schemaFingerprint(found),
    range: column === null ? null : { column: column.name, lo, hi: set.hi, overlapMs },
    before: [],
    changes: null,
    chunks: chunksOf(set.rows, request.chunkRows),
    rowsEstimate: set.rows,
    rowsReadAgain: overlap.readAgain,
    rowsLeftOut: latest.leftOut,
    pin,
    nextCursor: set.hi === null ? null : { hi: set.hi, pin: { overlap: { overlapMs, rows: overlap.next } } },
  }
}

/** The same plan with its rows set aside anew: as of the same moment, but perhaps in another order. */
export async function planAgain(place: Place, plan: ReadPlan, signal: AbortSignal): Promise<ReadPlan> {
  const { session: _, ...pin } = pinOf(plan)
  if (pin.results === null) return plan
  if (pin.mirror !== undefined) return await compareAgain(place, { ...plan, pin }, signal)
  const found = await findTable(place.client, plan.table, signal)
  if (schemaFingerprint(found) !== plan.schemaFingerprint) throw schemaChanged(plan)
  const { range } = plan
  const column = range === null ? null : (found.columns.find(({ name }) => name === range.column) ?? null)
  const epoch = pin.epoch + 1
  const { runId, at } = pin
  const { lo = null, hi = null, overlapMs = 0 } = range ?? {}
  const again = { runId, overlapMs, column, at, lo, hi, epoch }
  const { results, rows } = await setAside(place, found, again, signal)
  const chunks = chunksAgain(plan.chunks, rows)
  return { ...plan, chunks, rowsEstimate: rows, pin: { ...pin, epoch, results, rows } }
}

function schemaChanged(plan: ReadPlan): WarehouseError {
  return new WarehouseError(
    'schema_changed',
    `The columns of ${shown(plan.table)} were changed while the run read it.`,
    'Start the sync again: the next run reads the table as it is now.',
  )
}
