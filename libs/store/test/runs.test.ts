import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { Database } from '@millrace/store/open-store.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { requestCancel } from '@millrace/store/runs/request-cancel.ts'
import { runContext } from '@millrace/store/runs/run-context.ts'
import { StoreError } from '@millrace/store/store-error.ts'
import { pauseForAttention } from '@millrace/store/syncs/pause-for-attention.ts'
import { completeCount } from '@millrace/store/tasks/complete-count.ts'
import { completePlan } from '@millrace/store/tasks/complete-plan.ts'
import { completeRead } from '@millrace/store/tasks/complete-read.ts'
import { partitionManifest } from '@millrace/store/tasks/manifest.ts'
import { repin } from '@millrace/store/tasks/repin.ts'
import { runPin } from '@millrace/store/tasks/run-pin.ts'
import { aPlan, aQueuedRun, aSync, closed, leaseOf, planned, readNext } from '@millrace/testkit/store-samples.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'

let store: TestStore
let db: Database
before(async () => {
  store = await startTestStore()
})
beforeEach(async () => {
  db = (await store.fresh()).db
})
after(() => store.close())

const error = { code: 'network', message: 'gone', hint: 'wait' }
const runOf = (runId: string) => db.selectFrom('runs').selectAll().where('id', '=', runId).executeTakeFirstOrThrow()
const tasksOf = (runId: string) =>
  db.selectFrom('run_tasks').selectAll().where('run_id', '=', runId).orderBy('kind').orderBy('index').execute()

describe('making a run', () => {
  it('gives one open run per sync, however many ask at once', async () => {
    const { syncId } = await aSync(db)
    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => createRun(db, { syncId, trigger: 'api' })))
    const made = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.runId : []))
    assert.equal(made.length, 1)
    for (const answer of answers) {
      if (answer.status === 'fulfilled') continue
      assert.ok(answer.reason instanceof StoreError)
      assert.deepEqual([answer.reason.code, answer.reason.runId], ['run_open_exists', made[0]])
    }
  })

  it('gives the same run for the same key, also when it has ended', async () => {
    const { syncId } = await aSync(db)
    const asked = { syncId, trigger: 'api', idempotencyKey: 'k' } as const
    const answers = await Promise.all([createRun(db, asked), createRun(db, asked), createRun(db, asked)])
    assert.equal(new Set(answers.map(({ runId }) => runId)).size, 1)
    assert.equal(answers.filter(({ created }) => created).length, 1)
    await requestCancel(db, { runId: answers[0].runId })
    assert.deepEqual(await createRun(db, asked), { runId: answers[0].runId, created: false })
    const other = await createRun(db, { ...asked, idempotencyKey: 'l' })
    assert.deepEqual([(await runOf(answers[0].runId)).run_seq, (await runOf(other.runId)).run_seq], [1, 2])
  })

  it('gives none to a sync that is paused, needs attention, or is not there', async () => {
    const { syncId } = await aSync(db)
    assert.equal(await pauseForAttention(db, { syncId, reason: error }), true)
    await assert.rejects(createRun(db, { syncId, trigger: 'api' }), { code: 'sync_not_active' })
    await db.updateTable('syncs').set({ state: 'paused' }).where('id', '=', syncId).execute()
    assert.equal(await pauseForAttention(db, { syncId, reason: error }), false)
    await assert.rejects(createRun(db, { syncId, trigger: 'api' }), { code: 'sync_not_active' })
    await assert.rejects(createRun(db, { syncId: 'nobody', trigger: 'api' }), { code: 'not_found' })
  })

  it('tells the services what the run is, with the mapping of its time', async () => {
    const { runId, syncId, importId } = await aQueuedRun(db)
    await db
      .insertInto('sync_mappings')
      .values({ sync_id: syncId, version: 2, mapping: '{"tableType":"events"}' })
      .execute()
    await db.updateTable('syncs').set({ mapping_version: 2 }).where('id', '=', syncId).execute()
    const context = await runContext(db, runId)
    assert.deepEqual(
      [context?.importId, context?.mappingVersion, context?.state, context?.schema],
      [importId, 1, 'queued', null],
    )
    assert.equal(context?.mapping.tableType === 'events' && context.mapping.time, 'at')
    await planned(db, runId, { chunks: 1 })
    assert.equal((await runContext(db, runId))?.schema?.table, 'public.flights')
    assert.equal(await runContext(db, '00000000-0000-4000-8000-000000000000'), null)
  })

  it('says that older generations have to go, until a run of a mirror that was begun anew has succeeded', async () => {
    const { syncId } = await aSync(db, { mode: 'mirror' })
    const replaces = async (state: 'succeeded' | 'failed') => {
      const { runId } = await createRun(db, { syncId, trigger: 'api' })
      const context = await runContext(db, runId)
      await db.updateTable('runs').set({ state }).where('id', '=', runId).execute()
      return context?.replacesGenerationsBefore
    }
    const found = [await replaces('succeeded')]
    await db.updateTable('syncs').set({ generation: 2 }).where('id', '=', syncId).execute()
    found.push(await replaces('failed'), await replaces('succeeded'), await replaces('succeeded'))
    assert.deepEqual(found, [null, 2, 2, null])
  })
})

describe('reading a run', () => {
  it('goes from plan to read, count and close, each after the one before', async () => {
    const { runId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 2, countIdentical: true })
    assert.deepEqual(
      [(await runOf(runId)).state, (await tasksOf(runId)).map(({ kind }) => kind)],
      ['reading', ['count', 'plan', 'read', 'read']],
    )
    await readNext(db, runId, [3, 0])
    await readNext(db, runId, [1, 2])
    assert.equal(
      (await tasksOf(runId)).some(({ kind }) => kind === 'close'),
      false,
    )
    const { attempt } = await leaseOf(db, runId, 'count')
    assert.equal(await completeCount(db, { runId, attempt, identical: 4 }), true)
    assert.deepEqual(await partitionManifest(db, runId), { rows: [4, 2], batches: [2, 1] })
    await closed(db, runId)
    const run = await runOf(runId)
    assert.deepEqual([run.state, run.read_rows, run.identical_rows], ['draining', 6, 4])
  })

  it('makes one close task when the last two chunks are finished at the same moment', async () => {
    for (let round = 0; round < 10; round++) {
      const { runId } = await aQueuedRun(db)
      await planned(db, runId, { chunks: 2 })
      const leases = [await leaseOf(db, runId, 'read'), await leaseOf(db, runId, 'read')]
      const part = { rows: 1, partitionRows: [1, 0], partitionBatches: [1, 0], bytes: 1 }
      await Promise.all(leases.map(({ index, attempt }) => completeRead(db, { runId, index, attempt, ...part })))
      assert.equal((await tasksOf(runId)).filter(({ kind }) => kind === 'close').length, 1)
      assert.equal((await runOf(runId)).read_rows, 2)
    }
  })

  it('has nothing to read and still ends, when the plan has no chunks', async () => {
    const { runId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 0, partitions: 3 })
    assert.deepEqual(await partitionManifest(db, runId), { rows: [0, 0, 0], batches: [0, 0, 0] })
    await closed(db, runId)
    assert.deepEqual([(await runOf(runId)).state, (await runOf(runId)).read_rows], ['draining', 0])
  })

  it('refuses a plan when the run was cancelled meanwhile', async () => {
    const { runId } = await aQueuedRun(db)
    const { attempt } = await leaseOf(db, runId, 'plan')
    await requestCancel(db, { runId })
    const plan = { plan: aPlan(1), pinShared: null, pinOwner: 'me', chunks: [{}], countIdentical: false, partitions: 1 }
    assert.equal(await completePlan(db, { runId, attempt, ...plan }), false)
    assert.deepEqual([(await runOf(runId)).state, (await tasksOf(runId)).length], ['cancelling', 1])
  })

  it('lets one of several readers replace a lost pin, and reads all chunks again under higher attempts', async () => {
    const { runId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 3 })
    const done = await readNext(db, runId, [1, 1])
    const atWork = await leaseOf(db, runId, 'read')
    const again = { runId, expectedPinEpoch: 1, plan: aPlan(2), pinOwner: 'you', rereadAll: true }
    const won = await Promise.all(['a', 'b', 'c'].map((pinShared) => repin(db, { ...again, pinShared })))
    assert.deepEqual(won.filter((each) => each).length, 1)
    const pin = await runPin(db, runId)
    assert.deepEqual([pin?.pinEpoch, pin?.pinOwner, pin?.pinShared], [2, 'you', ['a', 'b', 'c'][won.indexOf(true)]])
    const part = { rows: 1, partitionRows: [1, 0], partitionBatches: [1, 0], bytes: 1 }
    assert.equal(await completeRead(db, { runId, index: atWork.index, attempt: atWork.attempt, ...part }), false)
    const second = [await readNext(db, runId, [5, 0]), await readNext(db, runId, [0, 6])]
    const attempts = new Map(second.map(({ index, attempt }) => [index, attempt]))
    assert.deepEqual([attempts.get(done.index), attempts.get(atWork.index)], [2, 2])
    // The third chunk is not in the new plan; nothing of it is waited for.
    assert.deepEqual(await partitionManifest(db, runId), { rows: [5, 6], batches: [1, 1] })
    await closed(db, runId)
    assert.equal(await repin(db, { ...again, expectedPinEpoch: 2, pinShared: 'late' }), false)
  })

  it('keeps chunks that were read when the new pin reads the same', async () => {
    const { runId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 2 })
    await readNext(db, runId, [1, 1])
    assert.equal(
      await repin(db, {
        runId,
        expectedPinEpoch: 1,
        plan: aPlan(2),
        pinShared: 'b',
        pinOwner: 'you',
        rereadAll: false,
      }),
      true,
    )
    await readNext(db, runId, [2, 2])
    await closed(db, runId)
    assert.deepEqual(await partitionManifest(db, runId), { rows: [3, 3], batches: [2, 2] })
  })
})
