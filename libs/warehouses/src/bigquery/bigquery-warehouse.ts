import type { ChangeSink } from '../change-sink.ts'
import { positionsOf } from '../columns-by-name.ts'
import { overlapOf } from '../insert-time-overlap.ts'
import type {
  ChunkSpec,
  ConnectionCheck,
  EstimateRequest,
  Pin,
  PlanRequest,
  ReadPlan,
  ReadResult,
  RunLeavings,
  TableRef,
  Warehouse,
} from '../warehouse.ts'
import { avroChangeTaker, avroInsertTaker } from './avro-takers.ts'
import {
  checkPartitionFilter,
  type FoundTable,
  findTable,
  kindOf,
  listSchemas,
  listTables,
  rowSchemaOf,
} from './catalog.ts'
import { type BigQueryChunk, chunksAgain, type StreamChunk } from './chunks.ts'
import type { BigQueryClient } from './client.ts'
import { quoteTable } from './identifiers.ts'
import { ask, dryRun, runJob } from './jobs.ts'
import { serverTime, timeColumn } from './latest-time.ts'
import { removeLeavings } from './leavings.ts'
import { estimateMirror } from './mirror-plan.ts'
import { pinOf, sharedOf } from './pin.ts'
import { planAgain, planRead } from './plan.ts'
import { pinLost, readPages } from './read-pages.ts'
import { readStream, withStreams } from './read-streams.ts'
import { type ApiRow, RowEncoder } from './row-encoder.ts'
import { changeTaker, insertTaker } from './row-takers.ts'
import type { Place } from './set-aside.ts'
import { checkConnection, costWarning } from './setup.ts'
import { originOf, previewOriginOf, rangeOf } from './source-range.ts'
import { identicalStatement, previewStatement, selectStatement } from './statements.ts'
import type { StorageClient } from './storage-client.ts'

/** A preview looks at so much of a table, and is refused when a view makes it look at more than ten times that. */
const previewBytes = 1_000_000_000

export type BigQueryParts = {
  readonly client: BigQueryClient
  readonly stagingDataset: string
  readonly storage: StorageClient | null
  readonly serviceAccount: string
}

/** Stateless: what a run holds stands in the staging dataset and in the run's plan. */
export class BigQueryWarehouse implements Warehouse {
  readonly kind = 'bigquery'
  readonly #client: BigQueryClient
  readonly #parts: BigQueryParts

  constructor(parts: BigQueryParts) {
    this.#parts = parts
    this.#client = parts.client
  }

  testConnection(signal: AbortSignal, table?: TableRef): Promise<readonly ConnectionCheck[]> {
    return checkConnection(this.#parts, signal, table)
  }

  listSchemas(signal: AbortSignal) {
    return listSchemas(this.#client, this.#parts.stagingDataset, signal)
  }

  listTables(schema: string, signal: AbortSignal) {
    return listTables(this.#client, schema, signal)
  }

  async describeTable(table: TableRef, signal: AbortSignal) {
    const found = await findTable(this.#client, table, signal)
    const schema = rowSchemaOf(found)
    const columns = schema.columns.map((column, i) => ({ ...column, nullable: found.columns[i]!.nullable }))
    const warning = costWarning(found)
    return { ...schema, columns, kind: kindOf(found), ...(warning === null ? {} : { warnings: [warning] }) }
  }

  async preview(
    table: TableRef,
    identity: readonly string[],
    rowsMax: number,
    sink: ChangeSink,
    signal: AbortSignal,
  ): Promise<ReadResult> {
    const found = await findTable(this.#client, table, signal)
    checkPartitionFilter(found)
    const percent = found.kind === 'TABLE' && found.bytes > previewBytes ? (100 * previewBytes) / found.bytes : 100
    const sql = previewStatement(previewOriginOf(this.#client, found), found.columns, percent, rowsMax)
    const limits = { location: found.location, bytesBilledMax: 10 * previewBytes }
    const rows = await ask(this.#client, sql, signal, limits)
    const names = identity.length > 0 ? identity : found.key
    const encoder = encoderOf(found, names)
    for (const row of rows) {
      encoder.encode({ f: row.map((v) => ({ v })) } satisfies ApiRow)
      if (!sink.insert(encoder.rowId, encoder.writer.buffer, 0, encoder.writer.length)) await sink.drained()
    }
    return { rows: rows.length }
  }

  async estimate(request: EstimateRequest, signal: AbortSignal): Promise<{ readonly bytes: number }> {
    if (request.mode === 'mirror') return { bytes: await estimateMirror(this.#place, request, signal) }
    const found = await findTable(this.#client, request.table, signal)
    const origin = originOf(this.#client, found, null)
    if (request.mode !== 'append')
      return { bytes: await dryRun(this.#client, selectStatement(origin, found.columns, null), found.location, signal) }
    const column = timeColumn(found, request)
    const hi = await serverTime(this.#client, found, signal)
    const range = rangeOf(column, request.cursor?.hi ?? null, hi, overlapOf(column, request.overlapMs))
    return { bytes: await dryRun(this.#client, selectStatement(origin, found.columns, range), found.location, signal) }
  }

  async plan(request: PlanRequest, signal: AbortSignal) {
    const paged = await planRead(this.#place, request, signal)
    const plan = await withStreams(this.#place, paged, request.chunkRows, signal)
    return { plan, pin: sharedPin(plan) }
  }

  /**
   * The rows of the same moment, set aside again: of a table they are the same rows, as far back as BigQuery remembers
   * (7 days); of a view they are what it shows now. Their order may be another, so every chunk is read again. When only the
   * session has expired, they are still there, and are read by pages, which do not expire: a run that is held up for longer than
   * a session lives reads twice, not for ever.
   */
  async repin(plan: ReadPlan, signal: AbortSignal) {
    const again = (await this.#pagesOf(plan, signal)) ?? (await planAgain(this.#place, plan, signal))
    return { plan: again, pin: sharedPin(again), rereadAll: true }
  }

  readChunk(
    plan: ReadPlan,
    chunk: ChunkSpec,
    shared: string | null,
    sink: ChangeSink,
    signal: AbortSignal,
  ): Promise<ReadResult> {
    const pin = pinOf(plan)
    const { rules, results, rows, mirror } = pin
    if (results === null || shared !== sharedOf(pin)) throw pinLost()
    if ('stream' in chunk) return this.#readStream(plan, chunk as StreamChunk, sink, signal)
    const take =
      mirror === undefined
        ? insertTaker(new RowEncoder(rules, positionsOf(plan.identity, plan.schema.columns)), sink)
        : changeTaker(rules, mirror.beforeRules, sink)
    const { start, count } = chunk as BigQueryChunk
    return readPages(this.#client, {
      stagingDataset: this.#parts.stagingDataset,
      results,
      rowsTotal: rows,
      start,
      count,
      take,
      sink,
      signal,
    })
  }

  async countIdentical(plan: ReadPlan, shared: string | null, signal: AbortSignal): Promise<number> {
    const pin = pinOf(plan)
    const { results, rules, runId, epoch } = pin
    if (plan.chunks.length === 0) return 0
    if (results === null || shared !== sharedOf(pin)) throw pinLost()
    const table = { schema: this.#parts.stagingDataset, name: results }
    const sql = identicalStatement(quoteTable(this.#client.projectId, table), rules)
    const { location } = await this.#staged(results, signal)
    const job = (attempt: number) => ({
      id: `millrace_${runId}_identical_${epoch}_${attempt}`,
      sql,
      location,
      labels: {},
    })
    const { rows } = await runJob(this.#client, job, signal)
    return Number(rows[0]?.[0] ?? 0)
  }

  cleanUp(leavings: RunLeavings, signal: AbortSignal): Promise<void> {
    return removeLeavings(this.#place, leavings, signal)
  }

  async close(): Promise<void> {
    await this.#parts.storage?.close()
    await this.#client.close()
  }

  get #place(): Place {
    return this.#parts
  }

  /** null when there was no session, or the rows themselves are gone. */
  async #pagesOf(plan: ReadPlan, signal: AbortSignal): Promise<ReadPlan | null> {
    const { session, ...pin } = pinOf(plan)
    if (session === undefined) return null
    try {
      await this.#staged(pin.results ?? '', signal)
    } catch (error) {
      if ((error as { code?: string }).code === 'pin_lost') return null
      throw error
    }
    return { ...plan, pin, chunks: chunksAgain(plan.chunks, pin.rows) }
  }

  #readStream(plan: ReadPlan, { stream }: StreamChunk, sink: ChangeSink, signal: AbortSignal): Promise<ReadResult> {
    const { storage } = this.#parts
    if (storage === null) throw pinLost()
    const { rules, rows, mirror } = pinOf(plan)
    const take =
      mirror === undefined
        ? avroInsertTaker(rules, positionsOf(plan.identity, plan.schema.columns), sink)
        : avroChangeTaker(rules, mirror.beforeRules, sink)
    const rowsExpected = plan.chunks.length === 1 ? rows : null
    return readStream(storage, { stream, rowsExpected, take, sink, signal })
  }

  async #staged(results: string, signal: AbortSignal): Promise<{ readonly location?: string }> {
    const path = `/datasets/${this.#parts.stagingDataset}/tables/${results}`
    try {
      return await this.#client.call({ path }, signal)
    } catch (error) {
      if ((error as { code?: string }).code === 'table_not_found') throw pinLost(error)
      throw error
    }
  }
}

/** Every process that may use the source reads the results by a name; nothing is held open. */
function sharedPin(plan: ReadPlan): Pin {
  return { shared: sharedOf(pinOf(plan)), close: () => Promise.resolve() }
}

function encoderOf(found: FoundTable, names: readonly string[]): RowEncoder {
  const rules = found.columns.map(({ rule }) => rule)
  return new RowEncoder(rules, positionsOf(names, found.columns))
}
