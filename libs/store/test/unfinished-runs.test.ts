import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { succeedRun } from '@millrace/store/completion/succeed-run.ts'
import type { Database } from '@millrace/store/open-store.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { endRun } from '@millrace/store/runs/end-run.ts'
import { planInputs } from '@millrace/store/runs/plan-inputs.ts'
import { runLeavings } from '@millrace/store/runs/run-leavings.ts'
import { deleteSync } from '@millrace/store/syncs/delete-sync.ts'
import { updateSync } from '@millrace/store/syncs/update-sync.ts'
import { addCleanTask } from '@millrace/store/tasks/add-clean-task.ts'
import { completeClean } from '@millrace/store/tasks/complete-clean.ts'
import { completePlan } from '@millrace/store/tasks/complete-plan.ts'
import { type aPlan, aQueuedRun, leaseOf, planned } from '@millrace/testkit/store-samples.ts'
import { withStore } from '@millrace/testkit/with-store.ts'

const open = ['queued', 'planning', 'reading', 'draining'] as const

async function fail(db: Database, runId: string, to: 'failed' | 'cancelled' = 'failed'): Promise<void> {
  assert.ok(await endRun(db, { runId, from: open, to }))
}

/** A run that has failed when it had read something, and the queued one after it. */
async function aFailedRun(db: Database, { chunks = 2, mode = 'mirror' as 'mirror' | 'append' } = {}) {
  const run = await aQueuedRun(db, { mode })
  await planned(db, run.runId, { chunks })
  await fail(db, run.runId)
  const next = await createRun(db, { syncId: run.syncId, trigger: 'api' })
  return { ...run, nextId: next.runId }
}

async function takeUp(db: Database, runId: string): Promise<string> {
  const { unfinished } = await planInputs(db, runId)
  assert.ok(unfinished)
  const { attempt } = await leaseOf(db, runId, 'plan')
  const plan = unfinished.plan as ReturnType<typeof aPlan>
  const parts = { plan, chunks: plan.chunks, countIdentical: false, partitions: 2, pinShared: null, pinOwner: 'me' }
  assert.ok(await completePlan(db, { runId, attempt, takesUp: unfinished.runId, ...parts }))
  return unfinished.runId
}

async function succeed(db: Database, runId: string): Promise<void> {
  await db.updateTable('runs').set({ state: 'draining' }).where('id', '=', runId).execute()
  assert.ok(await succeedRun(db, { runId }))
}

async function clean(db: Database, runId: string): Promise<void> {
  await addCleanTask(db, { runId })
  const { attempt } = await leaseOf(db, runId, 'clean')
  assert.ok(await completeClean(db, { runId, attempt }))
}

const runsOf = (db: Database, syncId: string) =>
  db.selectFrom('runs').selectAll().where('sync_id', '=', syncId).orderBy('run_seq').execute()
const isCleaned = async (db: Database, runId: string) =>
  (await db.selectFrom('runs').select('cleaned_at').where('id', '=', runId).executeTakeFirstOrThrow()).cleaned_at !==
  null

describe('a mirror run that ended on the way', () => {
  it('is taken up by the runs after it until one succeeds, which another one follows', () =>
    withStore(async ({ db }) => {
      const { syncId, runId, nextId } = await aFailedRun(db)
      await clean(db, runId)
      assert.equal((await runLeavings(db, runId)).isUnfinished, true)
      assert.equal(await takeUp(db, nextId), runId)
      await fail(db, nextId, 'cancelled')
      const last = await createRun(db, { syncId, trigger: 'manual' })
      assert.equal(
        await takeUp(db, last.runId),
        runId,
        'things in the warehouse have the name of the run that made them',
      )
      await succeed(db, last.runId)
      const runs = await runsOf(db, syncId)
      assert.deepEqual([runs.length, runs.at(-1)?.state, runs.at(-1)?.trigger], [4, 'queued', 'manual'])
      assert.equal((await planInputs(db, runs.at(-1)!.id)).unfinished, null)
      // What it keeps is what the cursor names; the rest goes.
      await clean(db, last.runId)
      assert.equal(await isCleaned(db, runId), false)
      const { isUnfinished, isNeeded } = await runLeavings(db, runId)
      assert.deepEqual([isUnfinished, isNeeded], [false, true])
      await planned(db, runs.at(-1)!.id, { chunks: 0 })
      await succeed(db, runs.at(-1)!.id)
      assert.equal((await runLeavings(db, runId)).isNeeded, false)
    }))

  it('is cleaned away with its sync', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId, runId } = await aFailedRun(db)
      await clean(db, runId)
      assert.ok(await deleteSync(db, { projectId, syncId }))
      assert.equal(await isCleaned(db, runId), false)
      const { isUnfinished, isNeeded } = await runLeavings(db, runId)
      assert.deepEqual([isUnfinished, isNeeded], [false, false])
    }))

  it('is followed by nothing when its sync is paused before it is finished', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId, nextId } = await aFailedRun(db)
      await takeUp(db, nextId)
      await updateSync(db, { projectId, syncId, state: 'paused' })
      await succeed(db, nextId)
      assert.equal((await runsOf(db, syncId)).length, 2)
    }))

  it('leaves nothing to take up when it had nothing to send, or is of another mode', () =>
    withStore(async ({ db }) => {
      for (const failed of [{ chunks: 0 }, { mode: 'append' as const }]) {
        const { runId, nextId } = await aFailedRun(db, failed)
        assert.equal((await planInputs(db, nextId)).unfinished, null)
        assert.equal((await runLeavings(db, runId)).isUnfinished, false)
      }
    }))
})
