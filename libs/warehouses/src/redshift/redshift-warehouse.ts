import type { ChangeSink } from '../change-sink.ts'
import { positionsOf } from '../columns-by-name.ts'
import type {
  ChunkSpec,
  ConnectionCheck,
  Pin,
  PlanRequest,
  ReadPlan,
  ReadResult,
  RunLeavings,
  TableRef,
  Warehouse,
} from '../warehouse.ts'
import { findTable, listSchemas, listTables, rowSchemaOf } from './catalog.ts'
import { cleanUp } from './clean-up.ts'
import { pinLost } from './pin-lost.ts'
import { planAgain, planRead } from './plan.ts'
import { pinOf, type RedshiftChunk } from './plan-parts.ts'
import { preview } from './preview.ts'
import { readFiles } from './read-files.ts'
import { ask } from './run-step.ts'
import type { Place } from './set-aside.ts'
import { checkConnection } from './setup.ts'
import { identicalStatement, prelude } from './statements.ts'

/** Stateless: what a run holds stands in the staging schema, in the bucket and in the run's plan. */
export class RedshiftWarehouse implements Warehouse {
  readonly kind = 'redshift'
  readonly #place: Place

  constructor(place: Place) {
    this.#place = place
  }

  testConnection(signal: AbortSignal, table?: TableRef): Promise<readonly ConnectionCheck[]> {
    return checkConnection(this.#place, signal, table)
  }

  listSchemas(signal: AbortSignal) {
    return listSchemas(this.#place.client, this.#place.stagingSchema, signal)
  }

  listTables(schema: string, signal: AbortSignal) {
    return listTables(this.#place.client, schema, signal)
  }

  async describeTable(table: TableRef, signal: AbortSignal) {
    const found = await findTable(this.#place.client, table, signal)
    const schema = rowSchemaOf(found)
    const columns = schema.columns.map((column, i) => ({ ...column, nullable: found.columns[i]!.nullable }))
    return { ...schema, kind: found.kind, columns }
  }

  preview(
    table: TableRef,
    identity: readonly string[],
    rowsMax: number,
    sink: ChangeSink,
    signal: AbortSignal,
  ): Promise<ReadResult> {
    return preview(this.#place.client, { table, identity, rowsMax, sink }, signal)
  }

  /** Redshift charges for time, not for bytes. */
  async estimate(): Promise<null> {
    return null
  }

  async plan(request: PlanRequest, signal: AbortSignal) {
    const plan = await planRead(this.#place, request, signal)
    return { plan, pin: sharedPin(plan) }
  }

  /** The same rows in other files, so every chunk is read again. */
  async repin(plan: ReadPlan, signal: AbortSignal) {
    const again = await planAgain(this.#place, plan, signal)
    return { plan: again, pin: sharedPin(again), rereadAll: true }
  }

  readChunk(
    plan: ReadPlan,
    chunk: ChunkSpec,
    shared: string | null,
    sink: ChangeSink,
    signal: AbortSignal,
  ): Promise<ReadResult> {
    const { path, rules, before } = pinOf(plan)
    if (shared !== path) throw pinLost()
    const { files, rows } = chunk as RedshiftChunk
    const identity = positionsOf(plan.identity, plan.schema.columns)
    return readFiles({ bucket: this.#place.bucket, path, files, rows, rules, identity, before, sink, signal })
  }

  async countIdentical(plan: ReadPlan, _shared: string | null, signal: AbortSignal): Promise<number> {
    if (plan.changes !== null) return plan.changes.identicalRows
    const { results, rules } = pinOf(plan)
    if (plan.chunks.length === 0) return 0
    const { client, stagingSchema } = this.#place
    const sql = identicalStatement({ schema: stagingSchema, name: results }, rules)
    const rows = await ask(client, [...prelude(rules), sql], signal)
    return Number(rows[0]?.[0] ?? 0)
  }

  cleanUp(leavings: RunLeavings, signal: AbortSignal): Promise<void> {
    return cleanUp(this.#place, leavings, signal)
  }

  close(): Promise<void> {
    return this.#place.client.close()
  }
}

/** Every process that may use the source reads the files by their names; nothing is held open. */
function sharedPin(plan: ReadPlan): Pin {
  return { shared: pinOf(plan).path, close: () => Promise.resolve() }
}
