import type { ChangeSink } from '../change-sink.ts'
import { shown } from '../shown.ts'
import type {
  ChunkSpec,
  ConnectionCheck,
  Pin,
  PlanRequest,
  ReadPlan,
  ReadResult,
  TableRef,
  Warehouse,
} from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { type Catalog, findTable, listSchemas, listTables, rowSchemaOf } from './catalog.ts'
import { planRead, readingOf } from './plan.ts'
import { checkMirrored } from './plan-mirror.ts'
import { pinOf } from './plan-parts.ts'
import { preview } from './preview.ts'
import { readPart } from './read-part.ts'
import { checkConnection } from './setup.ts'
import { identicalStatement, type Part } from './statements.ts'

/** Stateless: a run reads versions of tables, which Databricks keeps. Nothing is written there. */
export class DatabricksWarehouse implements Warehouse {
  readonly kind = 'databricks'
  readonly #place: Catalog

  constructor(place: Catalog) {
    this.#place = place
  }

  testConnection(signal: AbortSignal, table?: TableRef): Promise<readonly ConnectionCheck[]> {
    return checkConnection(this.#place, signal, table)
  }

  listSchemas(signal: AbortSignal) {
    return listSchemas(this.#place, signal)
  }

  listTables(schema: string, signal: AbortSignal) {
    return listTables(this.#place, schema, signal)
  }

  async describeTable(table: TableRef, signal: AbortSignal) {
    const found = await findTable(this.#place, table, signal)
    const schema = rowSchemaOf(found)
    // Columns of a key are the only ones of which the list tells that they are never NULL.
    const columns = schema.columns.map((column) => ({ ...column, nullable: !found.key.includes(column.name) }))
    return { ...schema, kind: found.kind, columns }
  }

  preview(
    table: TableRef,
    identity: readonly string[],
    rowsMax: number,
    sink: ChangeSink,
    signal: AbortSignal,
  ): Promise<ReadResult> {
    return preview(this.#place, { table, identity, rowsMax, sink }, signal)
  }

  /** Databricks charges for the time of the cluster, not for bytes. */
  async estimate(): Promise<null> {
    return null
  }

  async plan(request: PlanRequest, signal: AbortSignal) {
    const plan = await planRead(this.#place, request, signal)
    return { plan, pin: sharedPin(plan) }
  }

  /** A version that is gone does not come back. Of a mirror it may be there: the plan of a run that ended on the way is taken up. */
  async repin(plan: ReadPlan, signal: AbortSignal) {
    if (plan.mode === 'mirror') {
      await checkMirrored(this.#place, plan, signal)
      return { plan, pin: sharedPin(plan), rereadAll: false }
    }
    throw new WarehouseError(
      'query_failed',
      `The version of ${shown(plan.table)} that the run was reading was vacuumed.`,
      'Start the sync again: nothing is lost. Vacuum the table with a longer retention than runs take.',
    )
  }

  readChunk(
    plan: ReadPlan,
    chunk: ChunkSpec,
    _shared: string | null,
    sink: ChangeSink,
    signal: AbortSignal,
  ): Promise<ReadResult> {
    return readPart(this.#place, plan, chunk as Part, sink, signal)
  }

  async countIdentical(plan: ReadPlan, _shared: string | null, signal: AbortSignal): Promise<number> {
    if (plan.changes !== null) return plan.changes.identicalRows
    if (plan.chunks.length === 0) return 0
    const { client, catalog } = this.#place
    const [row] = await client.ask(identicalStatement(readingOf(catalog, plan, pinOf(plan))), signal)
    return Number(row?.n ?? 0)
  }

  /** Runs leave nothing behind. */
  cleanUp(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    return this.#place.client.close()
  }
}

/** Every process that may use the source can read the version; nothing is held open. */
function sharedPin(plan: ReadPlan): Pin {
  return { shared: `version ${pinOf(plan).version ?? 'now'}`, close: () => Promise.resolve() }
}
