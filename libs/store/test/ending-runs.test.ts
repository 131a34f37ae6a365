import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { openRuns } from '@millrace/store/completion/open-runs.ts'
import { succeedRun } from '@millrace/store/completion/succeed-run.ts'
import type { Database } from '@millrace/store/open-store.ts'
import { workOutbox } from '@millrace/store/outbox/work-outbox.ts'
import { openPartition } from '@millrace/store/progress/open-partition.ts'
import { recordProgress } from '@millrace/store/progress/record-progress.ts'
import { runCounts } from '@millrace/store/progress/run-counts.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { planInputs } from '@millrace/store/runs/plan-inputs.ts'
import { requestCancel } from '@millrace/store/runs/request-cancel.ts'
import { transitionRun } from '@millrace/store/runs/transition.ts'
import { leaseTask } from '@millrace/store/tasks/lease-task.ts'
import { aBatch, aDrainingRun, aQueuedRun, planned } from '@millrace/testkit/store-samples.ts'
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
const syncOf = (syncId: string) => db.selectFrom('syncs').selectAll().where('id', '=', syncId).executeTakeFirstOrThrow()

describe('counting a run', () => {
  it('holds what was counted of the attempts that count against the manifest', async () => {
    const { runId } = await aDrainingRun(db, [2, 1])
    for (const partition of [0, 1]) await openPartition(db, { topic: 'u', partition, owner: 'me' })
    const end = { runId, epoch: 1, rows: 2, batches: 1 }
    const counts = [
      aBatch({ runId, chunk: 0, attempt: 1, seq: 0, rows: 2, rejected: 1 }),
      aBatch({ runId, chunk: 0, attempt: 7, seq: 0, rows: 50 }),
    ]
    await recordProgress(db, {
      topic: 'u',
      partition: 0,
      expectedOffset: null,
      nextOffset: 3n,
      counts,
      rejects: [],
      ends: [end],
    })
    const part = await runCounts(db, runId)
    assert.deepEqual(
      [part?.totals.rows, part?.totals.events, part?.totals.rejected, part?.totals.sent, part?.rowsRead],
      [2, 1, 1, 52, 3],
    )
    const none = { gap: false, filtered: 0 }
    assert.deepEqual(part?.partitions, [
      {
        partition: 0,
        manifestRows: 2,
        manifestBatches: 1,
        rows: 2,
        batches: 1,
        accepted: 1,
        rejected: 1,
        unequal: 0,
        ended: true,
        ...none,
      },
      {
        partition: 1,
        manifestRows: 1,
        manifestBatches: 1,
        rows: 0,
        batches: 0,
        accepted: 0,
        rejected: 0,
        unequal: 1,
        ended: false,
        ...none,
      },
    ])
    assert.equal((await openRuns(db)).find((run) => run.runId === runId)?.ended, false)
  })
})

describe('ending a run', () => {
  it('moves the cursor once, when the run succeeds', async () => {
    const { runId, syncId } = await aDrainingRun(db)
    const answers = await Promise.all([succeedRun(db, { runId }), succeedRun(db, { runId }), succeedRun(db, { runId })])
    assert.equal(answers.filter((each) => each).length, 1)
    const sync = await syncOf(syncId)
    assert.deepEqual([sync.cursor, sync.cursor_run_seq], [{ hi: '2026-01-01', pin: {} }, 1])
    const run = await runOf(runId)
    assert.deepEqual([run.state, run.finished_at !== null, run.totals?.rows], ['succeeded', true, 0])
    const next = await createRun(db, { syncId, trigger: 'api' })
    assert.deepEqual((await planInputs(db, next.runId)).cursor, { hi: '2026-01-01', pin: {} })
    // A backfill goes first through the bulk lane; the next run is a small one.
    assert.deepEqual([run.lane, (await runOf(next.runId)).lane], ['bulk', 'live'])
  })

  it('leaves the cursor of a sync that was begun anew meanwhile', async () => {
    const { runId, syncId } = await aDrainingRun(db)
    await db.updateTable('syncs').set({ generation: 2 }).where('id', '=', syncId).execute()
    assert.equal(await succeedRun(db, { runId }), true)
    assert.equal((await syncOf(syncId)).cursor, null)
  })

  it('never moves the cursor of a run that is not draining', async () => {
    const { runId, syncId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 1 })
    assert.equal(await succeedRun(db, { runId }), false)
    await transitionRun(db, { runId, from: ['reading', 'draining'], to: 'failed', error })
    assert.equal(await succeedRun(db, { runId }), false)
    assert.deepEqual([(await syncOf(syncId)).cursor, (await runOf(runId)).state], [null, 'failed'])
  })

  it('cancels a queued run at once, one at work after its readers, and a finished one never', async () => {
    const queued = await aQueuedRun(db)
    assert.equal(await requestCancel(db, { runId: queued.runId }), 'cancelled')
    const draining = await aDrainingRun(db)
    assert.equal(await requestCancel(db, { runId: draining.runId }), 'cancelling')
    assert.equal(await succeedRun(db, { runId: draining.runId }), false)
    assert.equal(await transitionRun(db, { runId: draining.runId, from: ['cancelling'], to: 'cancelled' }), true)
    assert.equal((await syncOf(draining.syncId)).cursor, null)
    const done = await aDrainingRun(db)
    await succeedRun(db, { runId: done.runId })
    assert.equal(await requestCancel(db, { runId: done.runId }), 'succeeded')
    assert.equal(await requestCancel(db, { runId: '00000000-0000-4000-8000-000000000000' }), null)
  })

  it('refuses a step that the life of a run does not have', async () => {
    await assert.rejects(transitionRun(db, { runId: 'x', from: ['queued'], to: 'draining' }), RangeError)
    await assert.rejects(transitionRun(db, { runId: 'x', from: ['draining'], to: 'succeeded' }), RangeError)
  })

  it('notes every end in the outbox, and an effect that fails comes again', async () => {
    const { runId } = await aDrainingRun(db)
    await succeedRun(db, { runId })
    const seen: unknown[] = []
    await assert.rejects(
      workOutbox(db, 10, async () => Promise.reject(new Error('not now'))),
      /not now/,
    )
    const done = await workOutbox(db, 10, async (_, { kind, payload }) => void seen.push([kind, payload]))
    assert.deepEqual([done, seen], [1, [['run_ended', { runId, state: 'succeeded' }]]])
    assert.equal(await workOutbox(db, 10, async () => assert.fail('done already')), 0)
    assert.equal(
      await leaseTask(db, { owner: 'me', warehouse: 'postgres', lanes: ['live', 'bulk'], leaseMs: 1000 }),
      null,
    )
  })
})
