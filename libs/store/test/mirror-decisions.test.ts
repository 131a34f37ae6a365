import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { succeedRun } from '@millrace/store/completion/succeed-run.ts'
import type { Database } from '@millrace/store/open-store.ts'
import { setProjectAttention } from '@millrace/store/projects/set-attention.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { planInputs } from '@millrace/store/runs/plan-inputs.ts'
import { requestCancel } from '@millrace/store/runs/request-cancel.ts'
import { runLeavings } from '@millrace/store/runs/run-leavings.ts'
import type { Problem } from '@millrace/store/schema.ts'
import { decideSync } from '@millrace/store/syncs/decide-sync.ts'
import { deleteSync } from '@millrace/store/syncs/delete-sync.ts'
import { dueSyncs } from '@millrace/store/syncs/due-syncs.ts'
import { resyncSync } from '@millrace/store/syncs/resync-sync.ts'
import { updateSync } from '@millrace/store/syncs/update-sync.ts'
import { addCleanTask } from '@millrace/store/tasks/add-clean-task.ts'
import { completeClean } from '@millrace/store/tasks/complete-clean.ts'
import { failTask } from '@millrace/store/tasks/fail-task.ts'
import { aDrainingRun, aQueuedRun, aSync, leaseOf, planned } from '@millrace/testkit/store-samples.ts'
import { withStore } from '@millrace/testkit/with-store.ts'

const tooMany: Problem = {
  code: 'needs_confirmation',
  message: 'The run would delete 30 rows.',
  hint: 'Look.',
  details: { deletes: 30, knownRows: 100, percent: 30 },
}
const drifted: Problem = {
  code: 'schema_changed',
  message: 'A column was dropped.',
  hint: 'Look.',
  details: { difference: {}, schemaFingerprint: 'f00', mayContinue: true },
}
const gone: Problem = { code: 'resync_required', message: 'The snapshot is gone.', hint: 'Resync.' }
const refused: Problem = { code: 'destination_refused_401', message: 'no', hint: 'look' }
const hourly = { kind: 'hourly' }

const syncOf = (db: Database, id: string) =>
  db.selectFrom('syncs').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
const runOf = (db: Database, id: string) =>
  db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

async function failPlan(db: Database, runId: string, error: Problem): Promise<void> {
  const { attempt } = await leaseOf(db, runId, 'plan')
  assert.ok(await failTask(db, { runId, kind: 'plan', index: 0, attempt, error, retryInMs: null }))
}

async function aStoppedSync(db: Database, error: Problem, mode: 'mirror' | 'append' = 'mirror') {
  const run = await aQueuedRun(db, { mode, schedule: hourly })
  await failPlan(db, run.runId, error)
  return run
}

async function aMirroredSync(db: Database) {
  const run = await aDrainingRun(db, [2, 1], { mode: 'mirror' })
  await succeedRun(db, { runId: run.runId })
  await clean(db, run.runId)
  return run
}

async function clean(db: Database, runId: string): Promise<void> {
  await addCleanTask(db, { runId })
  const { attempt } = await leaseOf(db, runId, 'clean')
  assert.ok(await completeClean(db, { runId, attempt }))
}

describe('a mirror run that needs a person', () => {
  for (const error of [tooMany, drifted, gone])
    it(`stops its sync with ${error.code}, in the same moment as it fails, and no run starts by itself`, () =>
      withStore(async ({ db }) => {
        const { syncId, runId } = await aStoppedSync(db, error)
        assert.deepEqual((await runOf(db, runId)).error, error)
        const sync = await syncOf(db, syncId)
        assert.deepEqual([sync.state, sync.state_reason], ['needs_attention', error])
        await assert.rejects(createRun(db, { syncId, trigger: 'schedule' }), { code: 'sync_not_active' })
        assert.deepEqual(await dueSyncs(db, { now: new Date(Date.now() + 86_400_000), syncsMax: 10 }), [])
      }))

  it('leaves syncs of other modes, and a sync that fails for another reason, as they are', () =>
    withStore(async ({ db }) => {
      const append = await aStoppedSync(db, drifted, 'append')
      const denied = await aStoppedSync(db, { code: 'permission_denied', message: 'no', hint: 'Grant it.' })
      assert.equal((await syncOf(db, append.syncId)).state, 'active')
      assert.equal((await syncOf(db, denied.syncId)).state, 'active')
    }))

  it('keeps waiting for its answer when the destination asks for a person meanwhile, and is in order again', () =>
    withStore(async ({ db }) => {
      const before = await aStoppedSync(db, tooMany)
      const during = await aQueuedRun(db, { mode: 'mirror' })
      await setProjectAttention(db, { projectId: during.projectId, attention: refused })
      await failPlan(db, during.runId, gone)
      await setProjectAttention(db, { projectId: before.projectId, attention: refused })
      await setProjectAttention(db, { projectId: before.projectId, attention: null })
      await setProjectAttention(db, { projectId: during.projectId, attention: null })
      assert.deepEqual((await syncOf(db, before.syncId)).state_reason, tooMany)
      assert.deepEqual((await syncOf(db, during.syncId)).state_reason, gone)
    }))
})

describe('a decision', () => {
  it('gives the next plan what was confirmed, and is forgotten when a run has succeeded', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId } = await aStoppedSync(db, tooMany)
      assert.equal(await decideSync(db, { projectId, syncId, choice: 'continue' }), 'nothing_to_decide')
      assert.equal(await decideSync(db, { projectId: 'other', syncId, choice: 'confirm_deletes' }), 'not_found')
      assert.equal(await decideSync(db, { projectId, syncId, choice: 'confirm_deletes' }), 'decided')
      assert.equal(await decideSync(db, { projectId, syncId, choice: 'confirm_deletes' }), 'nothing_to_decide')
      await updateSync(db, { projectId, syncId, deletionPercentMax: 5 })
      const next = await createRun(db, { syncId, trigger: 'api' })
      const { decision, deletionPercentMax } = await planInputs(db, next.runId)
      assert.deepEqual([decision, deletionPercentMax], [{ confirmedDeletes: 30 }, 5])
      // The schema changes as well before the run has succeeded: both answers count.
      await failPlan(db, next.runId, drifted)
      assert.equal(await decideSync(db, { projectId, syncId, choice: 'continue' }), 'decided')
      assert.deepEqual((await syncOf(db, syncId)).decision, { confirmedDeletes: 30, acceptedSchema: 'f00' })
      const last = await createRun(db, { syncId, trigger: 'api' })
      await planned(db, last.runId, { chunks: 0 })
      await db.updateTable('runs').set({ state: 'draining' }).where('id', '=', last.runId).execute()
      assert.ok(await succeedRun(db, { runId: last.runId }))
      assert.equal((await syncOf(db, syncId)).decision, null)
    }))

  it('cannot be to continue with a schema under which no row could be sent', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId } = await aStoppedSync(db, {
        ...drifted,
        details: { ...drifted.details, mayContinue: false },
      })
      assert.equal(await decideSync(db, { projectId, syncId, choice: 'continue' }), 'nothing_to_decide')
    }))

  it('leaves the sync to wait for the destination when that asks for a person', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId } = await aStoppedSync(db, tooMany)
      await setProjectAttention(db, { projectId, attention: refused })
      assert.equal(await decideSync(db, { projectId, syncId, choice: 'confirm_deletes' }), 'decided')
      assert.deepEqual((await syncOf(db, syncId)).state_reason, refused)
      await setProjectAttention(db, { projectId, attention: null })
      assert.equal((await syncOf(db, syncId)).state, 'active')
      assert.deepEqual((await syncOf(db, syncId)).decision, { confirmedDeletes: 30 })
    }))
})

describe('a resync', () => {
  it('begins another generation without a cursor, and has what the old one kept cleaned away', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId, runId } = await aMirroredSync(db)
      assert.equal((await runLeavings(db, runId)).isNeeded, true)
      assert.ok(await resyncSync(db, { projectId, syncId }))
      const sync = await syncOf(db, syncId)
      assert.deepEqual([sync.generation, sync.cursor, sync.state], [2, null, 'active'])
      assert.equal((await runLeavings(db, runId)).isNeeded, false)
      assert.equal((await runOf(db, runId)).cleaned_at, null)
      assert.ok(await leaseOf(db, runId, 'clean'))
      const next = await createRun(db, { syncId, trigger: 'api' })
      const { generation, run_seq } = await runOf(db, next.runId)
      assert.deepEqual([generation, run_seq], [2, 2])
      assert.equal((await planInputs(db, next.runId)).cursor, null)
    }))

  it('is not begun while a run is open, nor of a sync of another project', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId, runId } = await aQueuedRun(db, { mode: 'mirror' })
      await assert.rejects(resyncSync(db, { projectId, syncId }), { code: 'run_open_exists', runId })
      assert.equal(await resyncSync(db, { projectId: 'other', syncId }), false)
      assert.equal((await syncOf(db, syncId)).generation, 1)
    }))

  it('wakes a sync that waited for it, and a paused one only when asked to', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId } = await aStoppedSync(db, gone)
      await resyncSync(db, { projectId, syncId })
      assert.deepEqual([(await syncOf(db, syncId)).state, (await syncOf(db, syncId)).state_reason], ['active', null])
      await updateSync(db, { projectId, syncId, state: 'paused' })
      await resyncSync(db, { projectId, syncId, keepPaused: true })
      assert.equal((await syncOf(db, syncId)).state, 'paused')
      await resyncSync(db, { projectId, syncId })
      assert.equal((await syncOf(db, syncId)).state, 'active')
    }))
})

describe('what a mirror run keeps in its warehouse', () => {
  it('is needed until another run has succeeded', () =>
    withStore(async ({ db }) => {
      const { syncId, runId } = await aMirroredSync(db)
      const next = await createRun(db, { syncId, trigger: 'api' })
      assert.equal((await runLeavings(db, next.runId)).isNeeded, true, 'a run that is not over needs what it made')
      await failPlan(db, next.runId, gone)
      assert.deepEqual(await needs(db, next.runId), { isNeeded: false, isSucceeded: false })
      assert.deepEqual(await needs(db, runId), { isNeeded: true, isSucceeded: true })
      await db.updateTable('syncs').set({ state: 'active' }).where('id', '=', syncId).execute()
      const last = await createRun(db, { syncId, trigger: 'api' })
      await planned(db, last.runId, { chunks: 0 })
      await db.updateTable('runs').set({ state: 'draining' }).where('id', '=', last.runId).execute()
      await succeedRun(db, { runId: last.runId })
      assert.deepEqual(await needs(db, last.runId), { isNeeded: true, isSucceeded: true })
      assert.deepEqual(await needs(db, runId), { isNeeded: false, isSucceeded: true })
    }))

  it('is cleaned again when its sync is deleted, also by whoever is cleaning it at that moment', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId, runId } = await aDrainingRun(db, [1], { mode: 'mirror' })
      await succeedRun(db, { runId })
      await addCleanTask(db, { runId })
      const early = await leaseOf(db, runId, 'clean')
      assert.ok(await deleteSync(db, { projectId, syncId }))
      assert.equal(await completeClean(db, { runId, attempt: early.attempt }), false)
      assert.equal((await runLeavings(db, runId)).isNeeded, false)
      const late = await leaseOf(db, runId, 'clean')
      assert.ok(await completeClean(db, { runId, attempt: late.attempt }))
      assert.notEqual((await runOf(db, runId)).cleaned_at, null)
    }))

  it('is cleaned away although the run ended before its plan was stored', () =>
    withStore(async ({ db }) => {
      const begun = await aStoppedSync(db, tooMany)
      await addCleanTask(db, { runId: begun.runId })
      assert.ok(await leaseOf(db, begun.runId, 'clean'))
      assert.equal((await runLeavings(db, begun.runId)).plan, null)
      const never = await aQueuedRun(db, { mode: 'mirror' })
      await requestCancel(db, { runId: never.runId })
      await addCleanTask(db, { runId: never.runId })
      assert.notEqual((await runOf(db, never.runId)).cleaned_at, null)
    }))

  it('is not looked for after a sync that has no cursor', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId } = await aSync(db, { mode: 'mirror' })
      assert.ok(await deleteSync(db, { projectId, syncId }))
      const { length } = await db.selectFrom('run_tasks').select('run_id').execute()
      assert.equal(length, 0)
    }))
})

async function needs(db: Database, runId: string) {
  const { isNeeded, isSucceeded } = await runLeavings(db, runId)
  return { isNeeded, isSucceeded }
}
