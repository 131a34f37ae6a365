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
import { type Place, pinOf, type SnowflakeChunk } from './plan-parts.ts'
import { preview } from './preview.ts'
import { readRows } from './read-rows.ts'
import { checkConnection } from './setup.ts'
import { identicalStatement } from './statements.ts'

/** Holds a session only: what a run holds stands in the connector's schema and in the run's plan. */
export class SnowflakeWarehouse implements Warehouse {
  readonly kind = 'snowflake'
  readonly #place: Place

  constructor(place: Place) {
    this.#place = place
  }

  testConnection(signal: AbortSignal, table?: TableRef): Promise<readonly ConnectionCheck[]> {
    return checkConnection(this.#place.client, signal, table)
  }

  listSchemas(signal: AbortSignal) {
    return listSchemas(this.#place.client, signal)
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

  /** Snowflake charges for the time that a warehouse is at work, not for bytes. */
  async estimate(): Promise<null> {
    return null
  }

  async plan(request: PlanRequest, signal: AbortSignal) {
    const plan = await planRead(this.#place, request, signal)
    return { plan, pin: sharedPin(plan) }
  }

  /** The same rows by the same numbers: what was read need not be read again. */
  async repin(plan: ReadPlan, signal: AbortSignal) {
    const again = await planAgain(this.#place, plan, signal)
    return { plan: again, pin: sharedPin(again), rereadAll: false }
  }

  readChunk(
    plan: ReadPlan,
    chunk: ChunkSpec,
    shared: string | null,
    sink: ChangeSink,
    signal: AbortSignal,
  ): Promise<ReadResult> {
    const pin = pinOf(plan)
    if (shared !== pin.results) throw pinLost()
    const identity = positionsOf(plan.identity, plan.schema.columns)
    return readRows(this.#place.client, { pin, chunk: chunk as SnowflakeChunk, identity, sink, signal })
  }

  async countIdentical(plan: ReadPlan, _shared: string | null, signal: AbortSignal): Promise<number> {
    if (plan.changes !== null) return plan.changes.identicalRows
    if (plan.chunks.length === 0) return 0
    const { results, rules } = pinOf(plan)
    const { client } = this.#place
    const { database, connectorSchema: schema } = client.options
    const rows = await client.ask(identicalStatement(database, { schema, name: results }, rules.length), signal)
    return Number(rows[0]?.[0] ?? 0)
  }

  cleanUp(leavings: RunLeavings, signal: AbortSignal): Promise<void> {
    return cleanUp(this.#place, leavings, signal)
  }

  close(): Promise<void> {
    return this.#place.client.close()
  }
}

/** Every process that may use the source reads the rows by their table's name; nothing is held open. */
function sharedPin(plan: ReadPlan): Pin {
  return { shared: pinOf(plan).results, close: () => Promise.resolve() }
}
