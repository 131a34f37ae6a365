import { createHash } from 'node:crypto'
import type { PlanRequest, ReadPlan } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import {
  canTravelInTime,
  type FoundTable,
  findTable,
  rowSchemaOf,
  schemaFingerprint,
  shown,
  type TableColumn,
} from './catalog.ts'
import type { BigQueryClient } from './client.ts'
import { quoteTable } from './identifiers.ts'
import { ask, runJob } from './jobs.ts'
import { countOverlap, type Overlap, overlapOf } from './overlap.ts'
import {
  checkTimeColumn,
  latestStatement,
  nowStatement,
  type Origin,
  readStatement,
  type TimeRange,
} from './statements.ts'
import { dayOf, microsOf, microsOfDay, timeText } from './time-text.ts'
import { type TypeRuleName, typeRules } from './types.ts'

/** What a run's plan remembers beside what all plans have. */
export type BigQueryPin = {
  readonly runId: string
  /** Grows each time the rows are set aside anew. */
  readonly epoch: number
  /** The moment the table is read at; null for views, which have no past. */
  readonly at: string | null
  /** The table of the staging dataset with the run's rows, and their number; null when there are none to read. */
  readonly results: string | null
  readonly rows: number
  readonly rules: readonly TypeRuleName[]
}

/** Rows [start, start + count) of the results. */
export type BigQueryChunk = { readonly start: number; readonly count: number }

type Place = { readonly client: BigQueryClient; readonly stagingDataset: string }

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
  if (request.mode === 'mirror') throw modeNotSupported()
  const { client } = place
  const found = await findTable(client, request.table, signal)
  const identity = identityOf(request, found)
  const column = request.mode === 'append' ? timeColumn(found, request) : null
  const at = canTravelInTime(found) ? await serverTime(client, found, signal) : null
  const lo = request.cursor?.hi ?? null
  const overlapMs = column === null ? 0 : overlapOf(column, request.overlapMs)
  const latest = column === null ? noTime : await latestTime(client, found, { column, at, lo }, signal)
  const nothing = column !== null && (latest.hi === null || (latest.hi === lo && overlapMs === 0))
  const asked = { runId: request.runId, overlapMs, column, at, lo, hi: latest.hi, epoch: 0 }
  const set = nothing ? { at, hi: latest.hi, results: null, rows: 0 } : await setAside(place, found, asked, signal)
  const rules = found.columns.map(({ rule }) => rule)
  const pin: BigQueryPin = { runId: request.runId, epoch: 0, at: set.at, results: set.results, rows: set.rows, rules }
  const overlap =
    column === null || set.results === null || set.hi === null
      ? noOverlap
      : await countOverlap(
          client,
          quoteTable(client.projectId, { schema: place.stagingDataset, name: set.results }),
          {
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
  const pin = pinOf(plan)
  if (pin.results === null) return plan
  const found = await findTable(place.client, plan.table, signal)
  if (schemaFingerprint(found) !== plan.schemaFingerprint) throw schemaChanged(plan)
  const { range } = plan
  const column = range === null ? null : (found.columns.find(({ name }) => name === range.column) ?? null)
  const epoch = pin.epoch + 1
  const { runId, at } = pin
  const { lo = null, hi = null, overlapMs = 0 } = range ?? {}
  const again = { runId, overlapMs, column, at, lo, hi, epoch }
  const { results, rows } = await setAside(place, found, again, signal)
  const size = (plan.chunks[0] as BigQueryChunk | undefined)?.count ?? 1
  // The number of chunks was stored with the run: the last one takes what is more.
  const chunks = plan.chunks.map((_, i) => {
    const start = Math.min(i * size, rows)
    return { start, count: i === plan.chunks.length - 1 ? rows - start : Math.min(size, rows - start) }
  })
  return { ...plan, chunks, rowsEstimate: rows, pin: { ...pin, epoch, results, rows } }
}

export function pinOf(plan: ReadPlan): BigQueryPin {
  const pin = plan.pin as Partial<BigQueryPin>
  const rules = Array.isArray(pin.rules) && pin.rules.every((rule) => Object.hasOwn(typeRules, rule))
  if (!rules || pin.rules?.length !== plan.schema.columns.length || typeof pin.runId !== 'string')
    throw new Error('the plan is not one of a BigQuery source')
  return pin as BigQueryPin
}

export function originOf(client: BigQueryClient, found: FoundTable, at: string | null): Origin {
  return { quotedTable: quoteTable(client.projectId, found.table), at }
}

/** The lower end of the range: the overlap before `lo`. Dates are whole days. */
export function rangeOf(column: TableColumn, lo: string | null, hi: string, overlapMs: number): TimeRange {
  if (lo === null) return { column, from: null, hi }
  const from = microsOf(lo) - BigInt(overlapMs) * 1000n
  return { column, from: timeText(column.rule === 'date' ? microsOfDay(dayOf(from)) : from), hi }
}

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
  if (column === undefined) throw columnNotFound(insertTimeColumn ?? '', found)
  checkTimeColumn(found, column)
  return column
}

type Latest = { readonly hi: string | null; readonly leftOut: number }
const noTime: Latest = { hi: null, leftOut: 0 }
const noOverlap: Overlap = { readAgain: 0, next: 0 }

type LatestOf = { readonly column: TableColumn; readonly at: string | null; readonly lo: string | null }

/** The latest row may be gone since the last run; what was read stays read. */
async function latestTime(
  client: BigQueryClient,
  found: FoundTable,
  { column, at, lo }: LatestOf,
  signal: AbortSignal,
): Promise<Latest> {
  const sql = latestStatement(originOf(client, found, at), column, lo)
  const rows = await ask(client, sql, signal, { location: found.location })
  const value = rows[0]?.[0] ?? null
  const leftOut = Number(rows[0]?.[1] ?? 0)
  if (value === null) return { hi: lo, leftOut }
  return { hi: timeText(column.rule === 'date' ? microsOfDay(BigInt(value)) : BigInt(value)), leftOut }
}

type ToSetAside = {
  readonly runId: string
  readonly overlapMs: number
  readonly column: TableColumn | null
  readonly at: string | null
  readonly lo: string | null
  readonly hi: string | null
  readonly epoch: number
}
type SetAside = {
  readonly at: string | null
  readonly hi: string | null
  readonly results: string
  readonly rows: number
}

async function setAside(place: Place, found: FoundTable, asked: ToSetAside, signal: AbortSignal): Promise<SetAside> {
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
        quoteTable(client.projectId, { schema: stagingDataset, name: resultsOf(idOf(attempt)) }),
      ),
      location: found.location,
      labels: { millrace_at: labelOf(at), millrace_hi: labelOf(hi) },
    }),
    signal,
  )
  const results = resultsOf(job.id)
  const path = `/datasets/${stagingDataset}/tables/${results}`
  const { numRows } = await client.call<{ numRows?: string }>({ path }, signal)
  const labels = job.labels
  return { at: timeOf(labels.millrace_at), hi: timeOf(labels.millrace_hi), results, rows: Number(numRows ?? 0) }
}

/** Jobs and tables have the same names; those of tables have no hyphens. */
function resultsOf(jobId: string): string {
  return jobId.replaceAll('-', '_')
}

/** Values of labels are lower-case letters, digits, `_` and `-`. */
function labelOf(time: string | null): string {
  return time === null ? 'none' : String(microsOf(time))
}

function timeOf(label: string | undefined): string | null {
  return label === undefined || label === 'none' ? null : timeText(BigInt(label))
}

function fingerprintOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}

function chunksOf(rows: number, chunkRows: number): readonly BigQueryChunk[] {
  const chunks: BigQueryChunk[] = []
  for (let start = 0; start < rows; start += chunkRows) chunks.push({ start, count: Math.min(chunkRows, rows - start) })
  return chunks
}

function identityOf({ identity }: PlanRequest, found: FoundTable): readonly string[] {
  for (const name of identity) {
    if (!found.columns.some((column) => column.name === name)) throw columnNotFound(name, found)
  }
  return identity.length > 0 ? identity : found.key
}

function modeNotSupported(): WarehouseError {
  return new WarehouseError(
    'mode_not_supported',
    'BigQuery sources cannot be mirrored by this version.',
    'Use append for tables that only grow, full for others.',
  )
}

function columnNotFound(name: string, found: FoundTable): WarehouseError {
  return new WarehouseError(
    'column_not_found',
    `${shown(found.table)} has no column ${JSON.stringify(name).slice(0, 150)}.`,
    'It was dropped or renamed: correct the sync.',
  )
}

function schemaChanged(plan: ReadPlan): WarehouseError {
  return new WarehouseError(
    'schema_changed',
    `The columns of ${shown(plan.table)} were changed while the run read it.`,
    'Start the sync again: the next run reads the table as it is now.',
  )
}
