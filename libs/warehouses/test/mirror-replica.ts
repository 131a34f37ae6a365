import assert from 'node:assert/strict'
import type { Column } from '@millrace/domain/row-schema.ts'
import type { PlanRequest, ReadPlan, SyncCursor, Warehouse } from '@millrace/warehouses/warehouse.ts'
import { type CollectedChange, CollectingSink, type Value } from './collecting-sink.ts'

const signal = new AbortController().signal
let serial = 0

/** What a destination holds that takes every change: a mirrored sync, run after run, with its clean-up. */
export class Replica {
  readonly rows = new Map<string, readonly Value[]>()
  readonly plans: ReadPlan[] = []
  cursor: SyncCursor | null = null
  readonly #warehouse: Warehouse
  readonly #request: PlanRequest

  constructor(warehouse: Warehouse, request: PlanRequest) {
    this.#warehouse = warehouse
    this.#request = request
  }

  /** One run: plan, read, apply, remember, clean up. Gives its changes in the order of reading. */
  async run(
    more: Partial<PlanRequest> = {},
  ): Promise<{ readonly plan: ReadPlan; readonly changes: CollectedChange[] }> {
    const request = { ...this.#request, runId: nextRunId(), cursor: this.cursor, ...more }
    const { plan, pin } = await this.#warehouse.plan(request, signal)
    const changes = await readChanges(this.#warehouse, plan, pin.shared)
    for (const change of changes) this.#apply(change, plan.before, plan)
    this.cursor = JSON.parse(JSON.stringify(plan.nextCursor)) as SyncCursor
    const { runId, syncId, table } = request
    const [last] = this.plans.slice(-1)
    await this.#warehouse.cleanUp({ runId, syncId, table, plan, isNeeded: true, isSucceeded: true }, signal)
    assert.notEqual(last, plan)
    this.plans.push(plan)
    return { plan, changes }
  }

  #apply({ op, id, values, before }: CollectedChange, columns: readonly Column[], plan: ReadPlan): void {
    const old = this.rows.get(id)
    // Identical rows may arrive in another partition of ingestion time: then the row is sent again.
    if (op === 'insert' && old !== undefined) assert.deepEqual(values, old)
    else assert.equal(old === undefined, op === 'insert', `${op} of a row that is ${old ? '' : 'not '}there`)
    if (before !== null && old !== undefined && this.plans.at(-1)?.schemaFingerprint === plan.schemaFingerprint) {
      const names = plan.schema.columns.map(({ name }) => name)
      assert.deepEqual(
        before,
        columns.map(({ name }) => old[names.indexOf(name)] ?? null),
      )
    }
    if (values === null) this.rows.delete(id)
    else this.rows.set(id, values)
  }
}

export async function readChanges(
  warehouse: Warehouse,
  plan: ReadPlan,
  shared: string | null,
): Promise<CollectedChange[]> {
  const changes: CollectedChange[] = []
  for (const chunk of plan.chunks) {
    const sink = new CollectingSink(plan.schema, 1000, plan.before)
    const { rows } = await warehouse.readChunk(plan, chunk, shared, sink, signal)
    assert.equal(rows, sink.changes.length)
    changes.push(...sink.changes)
  }
  return changes
}

/** Ids of runs look like those of the store. */
export function nextRunId(): string {
  return `01900000-0000-7000-8000-${String(++serial).padStart(12, '0')}`
}
