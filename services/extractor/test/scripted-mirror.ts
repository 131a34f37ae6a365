import { createHash } from 'node:crypto'
import type { Column, RowSchema } from '@millrace/domain/row-schema.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import type { ChangeOp } from '@millrace/domain/words.ts'
import type { ChangeSink } from '@millrace/warehouses/change-sink.ts'
import type { PlanRequest, ReadPlan, RunLeavings, Warehouse } from '@millrace/warehouses/warehouse.ts'
import { WarehouseError } from '@millrace/warehouses/warehouse-error.ts'

export type Visit = { readonly id: number; readonly atMs: number; readonly visitor: string }

type Change = { readonly op: ChangeOp; readonly id: number; readonly old: Visit | null; readonly now: Visit | null }

const integerId: Column = { name: 'id', type: 'integer', sourceType: 'INT64' }
const textId: Column = { name: 'id', type: 'string', sourceType: 'STRING' }
const others: readonly Column[] = [
  { name: 'at', type: 'timestamp', sourceType: 'TIMESTAMP' },
  { name: 'visitor', type: 'string', sourceType: 'STRING' },
]
const rowsOfChunk = 2

/**
 * A warehouse of one table with a key, in memory, that mirrors as the interface asks: by snapshots named after their runs,
 * with the differences set aside until the run is cleaned up.
 */
export class ScriptedMirror {
  table = new Map<number, Visit>()
  readonly snapshots = new Map<string, ReadonlyMap<number, Visit>>()
  readonly asides = new Map<string, readonly Change[]>()
  readonly leavings: RunLeavings[] = []
  /** What the next plan throws, after it has made its snapshot. */
  planFailure: Error | null = null
  acceptedSchema: string | null = null
  /** A column that the catalogue does not have any more. */
  droppedColumn: string | null = null
  /** The column `id` has become text. */
  isRetyped = false
  /** How long a clean-up takes. */
  cleanMs = 0

  put(...visits: readonly Visit[]): void {
    for (const visit of visits) this.table.set(visit.id, visit)
  }

  /** Of a warehouse, what an extractor asks of a mirrored table. */
  open(): Warehouse {
    const unasked = () => {
      throw new Error('a mirror run asks for none of this')
    }
    return {
      kind: 'postgres',
      testConnection: unasked,
      listSchemas: unasked,
      listTables: unasked,
      preview: unasked,
      estimate: unasked,
      repin: async (plan) => this.#repin(plan),
      countIdentical: unasked,
      close: async () => undefined,
      describeTable: async () => this.#describe(),
      plan: async (request) => ({ plan: this.#plan(request), pin: { shared: null, close: async () => undefined } }),
      readChunk: async (plan, chunk, _shared, sink) => this.#read(plan, chunk as { from: number }, sink),
      cleanUp: async (leavings, signal) => this.#cleanUp(leavings, signal),
    }
  }

  #describe() {
    const { columns } = this.#schema
    const left = columns.filter(({ name }) => name !== this.droppedColumn)
    return { ...this.#schema, kind: 'table' as const, columns: left.map((column) => ({ ...column, nullable: true })) }
  }

  get #schema(): RowSchema {
    return { table: 'public.visits', key: ['id'], columns: [this.isRetyped ? textId : integerId, ...others] }
  }

  #plan(request: PlanRequest): ReadPlan {
    const { runId, cursor } = request
    this.acceptedSchema = request.acceptedSchema
    const previous = cursor?.pin.snapshot as string | undefined
    const old = previous === undefined ? new Map<number, Visit>() : this.snapshots.get(previous)
    if (!old) throw new WarehouseError('resync_required', 'The snapshot is gone.', 'Resync.')
    const now = this.snapshots.get(runId) ?? new Map(this.table)
    this.snapshots.set(runId, now)
    const failure = this.planFailure
    this.planFailure = null
    if (failure) throw failure
    const changes = differences(old, now)
    this.asides.set(runId, changes)
    const count = (op: ChangeOp) => changes.filter((change) => change.op === op).length
    return {
      mode: 'mirror',
      tableType: request.tableType,
      table: request.table,
      schema: this.#schema,
      identity: ['id'],
      schemaFingerprint: 'one',
      range: null,
      before: request.before,
      changes: {
        inserts: count('insert'),
        updates: count('update'),
        deletes: count('delete'),
        knownRows: old.size,
        identicalRows: 0,
      },
      chunks: Array.from({ length: Math.ceil(changes.length / rowsOfChunk) }, (_, n) => ({ from: n * rowsOfChunk })),
      rowsEstimate: changes.length,
      rowsReadAgain: 0,
      rowsLeftOut: 0,
      pin: { runId, previous: previous ?? null },
      nextCursor: { hi: null, pin: { snapshot: runId } },
    }
  }

  #repin(plan: ReadPlan) {
    if (!this.asides.has(String(plan.pin.runId)))
      throw new WarehouseError('resync_required', 'What was set aside is gone.', 'Resync.')
    return { plan, pin: { shared: null, close: async () => undefined }, rereadAll: false }
  }

  async #read(plan: ReadPlan, { from }: { from: number }, sink: ChangeSink) {
    const changes = this.asides.get(String(plan.pin.runId))!.slice(from, from + rowsOfChunk)
    for (const { op, id, old, now } of changes) {
      const rowId = createHash('sha256').update(String(id)).digest()
      const row = now && encode(now, plan.schema.columns)
      const before = old && encode(old, plan.before)
      if (!sink.change(op, rowId, row, 0, row?.length ?? 0, before)) await sink.drained()
    }
    return { rows: changes.length }
  }

  async #cleanUp(leavings: RunLeavings, signal: AbortSignal): Promise<void> {
    this.leavings.push(leavings)
    const until = performance.now() + this.cleanMs
    while (performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      signal.throwIfAborted()
    }
    this.asides.delete(leavings.runId)
    if (!leavings.isNeeded) this.snapshots.delete(leavings.runId)
    const previous = leavings.plan?.pin.previous
    if (leavings.isSucceeded && typeof previous === 'string') this.snapshots.delete(previous)
  }
}

/** The Avro bytes of some columns of a visit. */
export function encode(visit: Visit, of: readonly Pick<Column, 'name' | 'type'>[]): Buffer {
  const writer = new AvroWriter(64)
  for (const { name, type } of of) {
    writer.writeSome()
    if (name === 'id') type === 'integer' ? writer.writeLong(visit.id) : writer.writeString(String(visit.id))
    else if (name === 'at') writer.writeLong(visit.atMs * 1000)
    else writer.writeString(visit.visitor)
  }
  return writer.take()
}

function differences(old: ReadonlyMap<number, Visit>, now: ReadonlyMap<number, Visit>): Change[] {
  const ids = [...new Set([...old.keys(), ...now.keys()])].toSorted((a, b) => a - b)
  return ids.flatMap((id): Change[] => {
    const [was, is] = [old.get(id) ?? null, now.get(id) ?? null]
    if (was && is && was.atMs === is.atMs && was.visitor === is.visitor) return []
    return [{ op: !was ? 'insert' : is ? 'update' : 'delete', id, old: was, now: is }]
  })
}
