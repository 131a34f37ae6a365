import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { type RunAnswer, RunEndedError } from '@millrace/local-stack/run-answer.ts'
import { countedRun, expectedRecords, expectedRun } from './expected-run.ts'
import { heldBySync, heldOf } from './held-records.ts'
import type { Shape } from './history-arbitrary.ts'
import type { MirrorWorld } from './mirror-world.ts'
import type { ModelSync } from './model-sync.ts'
import type { Dml, ModelTable } from './model-table.ts'
import type { OracleContext } from './oracle.ts'
import { changed } from './play-commands.ts'

const runMs = 120_000

type SyncState = { readonly state: string; readonly stateReason: { readonly code: string } | null }

/** A table in the warehouse, the model of it, and a mirror sync that follows it. */
export type MirroredTable = {
  readonly syncId: string
  readonly table: ModelTable
  /** Runs statements in the warehouse and in the model. */
  apply(dml: readonly Dml[]): Promise<void>
  startRun(): Promise<string>
  /** Waits until a run has succeeded; asserts its counts, then that the destination holds what the table does. */
  assertRun(runId: string): Promise<RunAnswer>
  /** Cancels a run when the destination holds all of it and the run has not succeeded yet. */
  cancelLoaded(runId: string): Promise<void>
  /** Waits until the run that follows a cancelled one has finished what that began; gives the run that then follows by itself. */
  finishCancelled(runId: string): Promise<string>
  /** Waits until a run has failed; asserts that its sync waits for a person because of `code`, and that nothing changed at the destination. */
  assertStopped(runId: string, code: string): Promise<void>
  /** Decides how the sync goes on; gives the run that follows. `resync` also forgets what the model remembers of the last run. */
  decide(choice: 'confirm_deletes' | 'continue' | 'resync'): Promise<string>
  dropColumn(name: string): Promise<void>
  /** Drops the table and makes it again with the same rows. */
  recreate(): Promise<void>
  drop(): Promise<void>
}

export type MirrorSyncOptions = { readonly partition?: Shape['partition']; readonly deletionPercentMax?: number | null }

export async function createMirroredTable(
  world: MirrorWorld,
  empty: ModelTable,
  model: ModelSync,
  { partition = 'none', deletionPercentMax = 100 }: MirrorSyncOptions = {},
): Promise<MirroredTable> {
  const { stack, pipeline, ends, warehouse, project, sourceId } = world
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
  const syncPath = `/v1/projects/${project.id}/syncs/${syncId}`
  let table = empty
  let before: ModelTable | null = null
  let cancelled: ModelTable | null = null

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
      await ends.of(runId, runMs)
      const run = await pipeline.succeeded(project, runId)
      assert.deepEqual(countedRun(run, sync), expectedRun(before, table, sync, context), run.report)
      before = table
      await assertHeld(before)
      return run
    },
    async cancelLoaded(runId) {
      cancelled = table
      const expected = heldOf(expectedRecords(table, sync, context), empty.name)
      const isLoaded = async () => {
        const { insertIds: _, ...held } = await heldBySync(place)
        return isDeepStrictEqual(held, expected)
      }
      await ends.cancelLoaded(runId, isLoaded, runMs)
    },
    async finishCancelled(runId) {
      assert.ok(cancelled)
      await ends.of(runId, runMs)
      const run = await pipeline.succeeded(project, runId)
      assert.deepEqual(countedRun(run, sync), expectedRun(before, cancelled, sync, context), run.report)
      before = cancelled
      return await ends.after(runId, runMs)
    },
    async assertStopped(runId, code) {
      await ends.of(runId, runMs)
      await assert.rejects(pipeline.succeeded(project, runId), RunEndedError)
      const { error } = await pipeline.run(project, runId)
      assert.equal(error?.code, code, error?.message)
      const { state, stateReason } = await stack.api.get<SyncState>(syncPath)
      assert.deepEqual([state, stateReason?.code], ['needs_attention', code])
      await assertHeld(before)
    },
    async decide(choice) {
      const { id } = await stack.api.post<{ id: string }>(`${syncPath}/decision`, { choice })
      if (choice === 'resync') before = null
      return id
    },
    async dropColumn(name) {
      await warehouse.dropColumn(table.name, name)
      const at = table.columns.findIndex((column) => column.name === name)
      table = {
        ...table,
        columns: table.columns.toSpliced(at, 1),
        rows: table.rows.map((row) => row.toSpliced(at, 1)),
      }
    },
    async recreate() {
      await warehouse.dropTable(table.name)
      const again = { ...table, rows: [] }
      await warehouse.createTable(again, partition)
      await warehouse.apply(again, [{ kind: 'insert', rows: table.rows }])
    },
    async drop() {
      await stack.api.delete(syncPath)
      await warehouse.dropTable(empty.name)
    },
  }
}
