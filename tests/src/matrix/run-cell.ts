import assert from 'node:assert/strict'
import { ApiError } from '@millrace/local-stack/api-client.ts'
import type { PipelineProject } from '@millrace/local-stack/pipeline-client.ts'
import type { MirrorStack } from '../mirror/start-mirror-stack.ts'
import { type Cell, expectedOf } from './expected-cells.ts'
import { type ExpectedRun, expectedFirst, expectedSecond } from './expected-runs.ts'
import { heldPeople } from './held-people.ts'
import { changesOf, emptyTable, firstRows, syncOf } from './matrix-syncs.ts'
import type { MatrixWarehouse } from './matrix-warehouses.ts'

const runMs = 180_000

export type MatrixPlace = Pick<MirrorStack, 'pipeline' | 'ends'> & {
  readonly warehouse: MatrixWarehouse
  readonly project: PipelineProject
  readonly sourceId: string
  /** Of UTC: the hour in which daily and weekly syncs would run by themselves. */
  readonly quietHour: number
}

/** Asserts that a cell is what the guide says of it; gives it in words. `number` names its table. */
export async function runCell(place: MatrixPlace, cell: Cell, number: number): Promise<string> {
  const expected = expectedOf(cell)
  const table = `cell${number}`
  const body = {
    ...syncOf(cell, { schema: place.warehouse.schema, table, quietHour: place.quietHour }),
    sourceId: place.sourceId,
  }
  if (expected !== 'runs') {
    await assertRefused(place.pipeline.createSync(place.project, body), 422, expected)
    return `422 ${expected}`
  }
  return await runTwice(place, cell, { table, body })
}

async function runTwice(
  { pipeline, ends, warehouse, project }: MatrixPlace,
  cell: Cell,
  { table, body }: { readonly table: string; readonly body: Record<string, unknown> },
): Promise<string> {
  const empty = emptyTable(table)
  const first = { ...empty, rows: firstRows(table) }
  await warehouse.createTable(empty, 'none')
  await warehouse.apply(empty, [{ kind: 'insert', rows: first.rows }])
  const sync = await pipeline.createSync(project, body)
  const run = async (expected: ExpectedRun) => {
    const { id } = await pipeline.startRun(project, sync.id)
    await ends.of(id, runMs)
    const { counts, report } = await pipeline.succeeded(project, id)
    const { sent: _, ...told } = counts
    assert.deepEqual(Object.fromEntries(Object.entries(told).filter(([, n]) => n !== 0)), expected.counts, report)
    assert.deepEqual(await heldPeople(project, cell.shape, table), expected.held, 'what the destination holds')
    return report
  }
  const before = await run(expectedFirst(cell, table))
  await warehouse.apply(first, changesOf(table))
  const second = expectedSecond(cell, table)
  if (second !== null) return `${before} | ${await run(second)}`
  await assertRefused(pipeline.startRun(project, sync.id), 409, 'one_time_done')
  return `${before} | 409 one_time_done`
}

async function assertRefused(asked: Promise<unknown>, status: number, rule: string): Promise<void> {
  const error = await asked.then(
    () => assert.fail(`was accepted, and not refused by ${rule}`),
    (error: unknown) => error,
  )
  if (!(error instanceof ApiError)) throw error
  const named = status === 422 ? error.problem.errors?.map(({ code }) => code) : [error.code]
  assert.deepEqual([error.status, named], [status, [rule]], error.message)
}
