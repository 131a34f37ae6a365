import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import { openRuns } from '@millrace/store/completion/open-runs.ts'
import type { Database } from '@millrace/store/open-store.ts'
import { openPartition } from '@millrace/store/progress/open-partition.ts'
import { recordProgress } from '@millrace/store/progress/record-progress.ts'
import { requestCancel } from '@millrace/store/runs/request-cancel.ts'
import { completeRead } from '@millrace/store/tasks/complete-read.ts'
import { failTask } from '@millrace/store/tasks/fail-task.ts'
import { leaseTask } from '@millrace/store/tasks/lease-task.ts'
import { markLoaded } from '@millrace/store/tasks/mark-loaded.ts'
import { renewLease } from '@millrace/store/tasks/renew-lease.ts'
import { repin } from '@millrace/store/tasks/repin.ts'
import { aBatch, aPlan, aQueuedRun, leaseOf, planned, readNext } from '@millrace/testkit/store-samples.ts'
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

const request = { owner: 'me', warehouse: 'postgres', lanes: ['live', 'bulk'], leaseMs: 60_000 } as const
const error = { code: 'network', message: 'gone', hint: 'wait' }
const manifest = { rows: 2, partitionRows: [1, 1], partitionBatches: [1, 1], bytes: 10 }
const stateOf = async (runId: string) =>
  (await db.selectFrom('runs').select('state').where('id', '=', runId).executeTakeFirstOrThrow()).state

describe('leases', () => {
  it('gives a task to one owner at a time, and starts the planning of its run', async () => {
    const { runId } = await aQueuedRun(db)
    const task = await leaseTask(db, request)
    assert.deepEqual([task?.runId, task?.kind, task?.attempt, task?.failures], [runId, 'plan', 1, 0])
    assert.equal(await leaseTask(db, { ...request, owner: 'you' }), null)
    assert.equal(await stateOf(runId), 'planning')
  })

  it('gives each chunk once to many who ask at the same time', async () => {
    const { runId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 30 })
    const tasks = await Promise.all(
      Array.from({ length: 40 }, (_, n) => leaseTask(db, { ...request, owner: `owner ${n}`, kinds: ['read'] })),
    )
    const chunks = tasks.flatMap((task) => task?.index ?? [])
    // Two who ask at once may look at the same row, and one of them then goes away empty; nobody gets another's.
    assert.equal(new Set(chunks).size, chunks.length)
    for (let task = await leaseTask(db, request); task; task = await leaseTask(db, request)) chunks.push(task.index)
    assert.deepEqual(
      chunks.sort((a, b) => a - b),
      Array.from({ length: 30 }, (_, n) => n),
    )
  })

  it('lets another take over when a lease has run out, and refuses all that the first one still wants', async () => {
    const { runId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 1 })
    const first = await leaseOf(db, runId, 'read', 'first', 50)
    const second = await until(() => leaseTask(db, { ...request, owner: 'second' }))
    assert.deepEqual([second.index, second.attempt], [0, first.attempt + 1])
    const { kind, index, attempt } = first
    const renewal = await renewLease(db, { runId, kind, index, attempt, leaseMs: 60_000 })
    assert.equal(renewal.held, false)
    assert.equal(await completeRead(db, { runId, index, attempt, ...manifest }), false)
    assert.equal(await failTask(db, { runId, kind, index, attempt, error, retryInMs: null }), false)
    assert.equal(await stateOf(runId), 'reading')
    assert.equal(await completeRead(db, { runId, index, attempt: second.attempt, ...manifest }), true)
    assert.equal(await completeRead(db, { runId, index, attempt: second.attempt, ...manifest }), false)
  })

  it('keeps a lease that is renewed, also one that ran out and that nobody took', async () => {
    const { runId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 1 })
    const task = await leaseOf(db, runId, 'read')
    const runOut = () =>
      db
        .updateTable('run_tasks')
        .set({ lease_until: new Date(Date.now() - 1000) })
        .where('run_id', '=', runId)
        .where('kind', '=', 'read')
        .execute()
    for (let renewals = 0; renewals < 3; renewals++) {
      await runOut()
      assert.equal((await renewLease(db, { ...task, leaseMs: 60_000 })).held, true)
      assert.equal(await leaseTask(db, { ...request, owner: 'you' }), null)
    }
    await runOut()
    assert.equal((await leaseTask(db, { ...request, owner: 'you' }))?.index, task.index)
    assert.equal((await renewLease(db, { ...task, leaseMs: 60_000 })).held, false)
  })

  it('takes live runs before bulk runs, and only of the warehouse and lanes asked for', async () => {
    const bulk = await aQueuedRun(db, { lane: 'bulk' })
    const live = await aQueuedRun(db, { lane: 'live' })
    assert.equal(await leaseTask(db, { ...request, warehouse: 'snowflake' }), null)
    assert.equal((await leaseTask(db, request))?.runId, live.runId)
    assert.equal(await leaseTask(db, { ...request, lanes: ['live'] }), null)
    assert.equal((await leaseTask(db, request))?.runId, bulk.runId)
  })

  it('leaves the tasks of a run alone that is to be cancelled, and tells who works on it', async () => {
    const { runId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 2 })
    const task = await leaseOf(db, runId, 'read')
    await requestCancel(db, { runId })
    assert.equal((await openRuns(db))[0]?.leasedTasks, 1)
    assert.equal(await leaseTask(db, request), null)
    const renewal = await renewLease(db, { ...task, leaseMs: 1000 })
    assert.deepEqual([renewal.held, renewal.runState], [true, 'cancelling'])
    // The run need not wait for the lease to run out.
    assert.equal((await openRuns(db))[0]?.leasedTasks, 0)
    assert.equal(await completeRead(db, { runId, index: task.index, attempt: task.attempt, ...manifest }), false)
  })

  it('gives a failed task out again after its time, and counts its failures', async () => {
    const { runId } = await aQueuedRun(db)
    const first = await leaseOf(db, runId, 'plan')
    await failTask(db, { ...first, error, retryInMs: 300 })
    assert.equal(await leaseTask(db, request), null)
    const again = await until(() => leaseTask(db, request))
    assert.deepEqual([again.attempt, again.failures], [2, 1])
    await failTask(db, { ...again, error, retryInMs: 0 })
    const stopped = await leaseTask(db, request)
    assert.deepEqual([stopped?.attempt, stopped?.failures], [3, 1])
  })

  it('fails the run when trying again is pointless', async () => {
    const { runId, syncId } = await aQueuedRun(db)
    await failTask(db, { ...(await leaseOf(db, runId, 'plan')), error, retryInMs: null })
    const run = await db.selectFrom('runs').selectAll().where('id', '=', runId).executeTakeFirstOrThrow()
    assert.deepEqual([run.state, run.error, run.finished_at !== null], ['failed', error, true])
    const sync = await db.selectFrom('syncs').selectAll().where('id', '=', syncId).executeTakeFirstOrThrow()
    assert.deepEqual([sync.cursor, sync.cursor_run_seq], [null, 0])
    assert.equal(await leaseTask(db, request), null)
  })

  it('tells a reader how much of its run is published and not yet loaded', async () => {
    const { runId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 2 })
    const lost = await leaseOf(db, runId, 'read', 'lost', 30)
    await renewLease(db, { ...lost, leaseMs: 30, publishedBytes: 5000 })
    const again = await until(async () => {
      const task = await leaseTask(db, request)
      return task && task.index === lost.index ? task : null
    })
    const flight = async (publishedBytes: number) => {
      const renewal = await renewLease(db, { ...again, leaseMs: 60_000, publishedBytes })
      return renewal.held && renewal.inFlightBytes
    }
    // What the attempt that was lost had published is no longer waited for.
    assert.equal(await flight(0), 0)
    assert.equal(await flight(700), 700)
    const place = { topic: 'updates.live', partition: 0 }
    await openPartition(db, { ...place, owner: 'loader' })
    const counts = [
      aBatch({ runId, chunk: again.index, attempt: again.attempt, seq: 0, rows: 1, bytes: 300 }),
      aBatch({ runId, chunk: lost.index, attempt: lost.attempt, seq: 0, rows: 1, bytes: 9000 }),
    ]
    await recordProgress(db, { ...place, expectedOffset: null, nextOffset: 2n, counts, rejects: [], ends: [] })
    assert.equal(await flight(700), 400)
  })

  it('looks no longer at chunks that are loaded, until they are read again', async () => {
    const { runId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 2 })
    const done = await readNext(db, runId, [1, 0])
    const task = await leaseOf(db, runId, 'read')
    const flight = async () => {
      const renewal = await renewLease(db, { ...task, leaseMs: 60_000 })
      return renewal.held && renewal.inFlightBytes
    }
    const marked = async () => {
      await markLoaded(db)
      const tasks = await db
        .selectFrom('run_tasks')
        .selectAll()
        .where('run_id', '=', runId)
        .where('loaded', '=', true)
        .execute()
      return tasks.map(({ index }) => index)
    }
    assert.deepEqual([await marked(), await flight()], [[], 1000])
    const place = { topic: 'updates.bulk', partition: 0 }
    await openPartition(db, { ...place, owner: 'loader' })
    const counts = [aBatch({ runId, chunk: done.index, attempt: done.attempt, seq: 0, rows: 1, bytes: 1000 })]
    await recordProgress(db, { ...place, expectedOffset: null, nextOffset: 1n, counts, rejects: [], ends: [] })
    assert.deepEqual([await marked(), await flight()], [[done.index], 0])
    await repin(db, { runId, expectedPinEpoch: 1, plan: aPlan(2), pinShared: 'b', pinOwner: 'me', rereadAll: true })
    assert.deepEqual(await marked(), [])
  })
})
