import type { Column } from '@millrace/domain/row-schema.ts'
import type { PlanRequest, ReadPlan, RunLeavings, SyncCursor } from '@millrace/warehouses/warehouse.ts'
import type { CollectedChange } from './collecting-sink.ts'
import { requestFor, type SnowflakeSource, signal } from './snowflake-source.ts'

export type Played = {
  readonly plan: ReadPlan
  readonly changes: readonly CollectedChange[]
  readonly request: PlanRequest
}

/** Tables of ids and places, and mirror runs of them; what changed is told in one line each. */
export function mirrorRuns(sourceOf: () => SnowflakeSource) {
  const place: Column = { name: 'PLACE', sourceType: 'VARCHAR', type: 'string' }
  let count = 0
  const nextId = () => `01900000-0000-7000-8000-${String(++count).padStart(12, '0')}`
  /** Of a test: its table is called after it. */
  const tableName = () => `T${++count}`

  async function makeTable(key = false): Promise<string> {
    const name = tableName()
    await sourceOf().server.createTable(`PUBLIC.${name}`, `ID NUMBER(9,0)${key ? ' PRIMARY KEY' : ''}, PLACE VARCHAR`)
    await run(`ALTER TABLE PUBLIC.${name} SET CHANGE_TRACKING = TRUE`)
    return name
  }

  const run = (sql: string) => sourceOf().server.run(sql)
  const requestOf = (name: string, cursor: SyncCursor | null, more: Partial<PlanRequest> = {}) =>
    requestFor(name, { mode: 'mirror', runId: nextId(), before: [place], cursor, ...more })

  const leavingsOf = (request: PlanRequest, plan: ReadPlan | null, more: Partial<RunLeavings> = {}): RunLeavings => ({
    runId: request.runId,
    syncId: request.syncId,
    table: request.table,
    plan,
    isNeeded: true,
    isSucceeded: true,
    ...more,
  })

  /** A run from its plan to its clean-up. */
  async function play(name: string, cursor: SyncCursor | null, more: Partial<PlanRequest> = {}): Promise<Played> {
    const request = requestOf(name, cursor, more)
    const played = await readOf(request)
    await sourceOf().warehouse.cleanUp(leavingsOf(request, played.plan), signal)
    return played
  }

  async function readOf(request: PlanRequest): Promise<Played> {
    const { plan, pin } = await sourceOf().warehouse.plan(request, signal)
    return { plan, changes: await sourceOf().readChanges(plan, pin.shared), request }
  }

  const told = (changes: readonly CollectedChange[]) =>
    changes.map(({ op, values, before: old }) => [op, ...(values ?? []), '<', ...(old ?? [])].join(' ')).sort()

  return { tableName, makeTable, run, requestOf, leavingsOf, play, readOf, told }
}
