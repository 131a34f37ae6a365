import assert from 'node:assert/strict'
import type { RunAnswer } from '@millrace/local-stack/run-answer.ts'
import { countedRun, expectedRecords, expectedRun } from './expected-run.ts'
import { heldBySync, heldOf } from './held-records.ts'
import type { Shape } from './history-arbitrary.ts'
import type { MirrorWorld } from './mirror-world.ts'
import type { ModelSync } from './model-sync.ts'
import type { Dml, ModelTable } from './model-table.ts'
import type { OracleContext } from './oracle.ts'
import { changed } from './play-commands.ts'

const runMs = 120_000

/** A table in the warehouse, the model of it, and a mirror sync that follows it. */
export type MirroredTable = {
  readonly syncId: string
  readonly table: ModelTable
  /** Runs statements in the warehouse and in the model. */
  apply(dml: readonly Dml[]): Promise<void>
  startRun(): Promise<string>
  /** Waits until a run has succeeded; asserts its counts, then that the destination holds what the table does. */
  assertRun(runId: string): Promise<RunAnswer>
  /** Asserts that the destination holds what the last run that was asserted found. */
  assertUnchanged(): Promise<void>
  drop(): Promise<void>
}

export type MirrorSyncOptions = { readonly partition?: Shape['partition']; readonly deletionPercentMax?: number | null }

export async function createMirroredTable(
  world: MirrorWorld,
  empty: ModelTable,
  model: ModelSync,
  { partition = 'none', deletionPercentMax = 100 }: MirrorSyncOptions = {},
): Promise<MirroredTable> {
  const { stack, pipeline, warehouse, project, sourceId } = world
  const sync: ModelSync = 'groupKey' in model ? { ...model, groupKey: `${model.groupKey} ${empty.name}` } : model
  await warehouse.createTable(empty, partition)
  const { id: syncId, importId } = await pipeline.createSync(project, {
    name: empty.name,
    sourceId,
    table: { schema: warehouse.schema, name: empty.name },
    tableType: sync.tableType,
    mode: 'mirror',
    deletionPercentMax,
    mapping: sync,
  })
  const context: OracleContext = { importId, warehouse: warehouse.kind, decimalText: warehouse.decimalText }
  const place = { project, importId, sync, table: empty.name }
  let table = empty
  let before: ModelTable | null = null

  async function assertHeld(model: ModelTable | null): Promise<void> {
    const { insertIds, ...held } = await heldBySync(place)
    assert.deepEqual(held, heldOf(model === null ? [] : expectedRecords(model, sync, context), empty.name))
    assert.equal(insertIds.size, held.records.length, 'each record has an $insert_id of its own')
  }

  return {
    syncId,
    get table() {
      return table
    },
    async apply(dml) {
      await warehouse.apply(table, dml)
      table = dml.reduce(changed, table)
    },
    async startRun() {
      const { id } = await pipeline.startRun(project, syncId)
      return id
    },
    async assertRun(runId) {
      const run = await pipeline.succeeded(project, runId, { timeoutMs: runMs, everyMs: 50 })
      assert.deepEqual(countedRun(run, sync), expectedRun(before, table, sync, context), run.report)
      before = table
      await assertHeld(before)
      return run
    },
    assertUnchanged: () => assertHeld(before),
    async drop() {
      await stack.api.delete(`/v1/projects/${project.id}/syncs/${syncId}`)
      await warehouse.dropTable(empty.name)
    },
  }
}
