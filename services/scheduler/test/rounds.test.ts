import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import { pruneRuns } from '@millrace/store/completion/prune-runs.ts'
import type { Database } from '@millrace/store/open-store.ts'
import { workOutbox } from '@millrace/store/outbox/work-outbox.ts'
import { openPartition } from '@millrace/store/progress/open-partition.ts'
import { recordProgress } from '@millrace/store/progress/record-progress.ts'
import { runCounts } from '@millrace/store/progress/run-counts.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { requestCancel } from '@millrace/store/runs/request-cancel.ts'
import { pauseForAttention } from '@millrace/store/syncs/pause-for-attention.ts'
import { completeClean } from '@millrace/store/tasks/complete-clean.ts'
import { failTask } from '@millrace/store/tasks/fail-task.ts'
import { leaseTask } from '@millrace/store/tasks/lease-task.ts'
import { renewLease } from '@millrace/store/tasks/renew-lease.ts'
import { createLogger } from '@millrace/telemetry/logger.ts'
import { aBatch, aDrainingRun, aQueuedRun, aSync, leaseOf, loaded, planned } from '@millrace/testkit/store-samples.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { Leadership } from '../src/leadership.ts'
import { effectOf } from '../src/outbox-effects.ts'
import { startDueRuns } from '../src/start-due-runs.ts'
import { watchRuns } from '../src/watch-runs.ts'

const log = createLogger({ service: 'test', instance: 'one', level: 'silent' })
const patient = { stuckMs: 60_000 }
let store: TestStore
let db: Database
before(async () => {
  store = await startTestStore()
})
beforeEach(async () => {
  db = (await store.fresh()).db
})
after(() => store.close())

const runOf = (runId: string) => db.selectFrom('runs').selectAll().where('id', '=', runId).executeTakeFirstOrThrow()
const syncOf = (syncId: string) => db.selectFrom('syncs').selectAll().where('id', '=', syncId).executeTakeFirstOrThrow()
const runsOf = (syncId: string) => db.selectFrom('runs').selectAll().where('sync_id', '=', syncId).execute()

describe('completing runs', () => {
  it('ends a run as succeeded once every partition has counted what was published, and not before', async () => {
    const { runId, syncId } = await aDrainingRun(db, [2, 1])
    assert.deepEqual((await watchRuns(db, patient, log)).ended, [])
    await loaded(db, runId, [2])
    assert.deepEqual((await watchRuns(db, patient, log)).ended, [])
    await loaded(db, runId, [0, 1], 'updates.rest')
    const passes = await Promise.all([watchRuns(db, patient, log), watchRuns(db, patient, log)])
    assert.deepEqual(
      passes.flatMap(({ ended }) => ended),
      ['succeeded'],
    )
    assert.deepEqual([(await runOf(runId)).state, (await runOf(runId)).totals?.rows], ['succeeded', 3])
    assert.deepEqual((await syncOf(syncId)).cursor, { hi: '2026-01-01', pin: {} })
  })

  it('ends a run without rows', async () => {
    const { runId } = await aDrainingRun(db, [0, 0])
    await loaded(db, runId, [0, 0])
    assert.deepEqual((await watchRuns(db, patient, log)).ended, ['succeeded'])
  })

  it('fails a run that has reached its end without all of its rows, and leaves the cursor', async () => {
    const { runId, syncId } = await aDrainingRun(db, [2, 1])
    await loaded(db, runId, [2, 0])
    assert.deepEqual((await watchRuns(db, patient, log)).ended, ['failed'])
    const run = await runOf(runId)
    assert.equal(run.error?.code, 'records_lost')
    assert.match(run.error?.message ?? '', /3 rows were published, 2 came through \(partitions 1\)/)
    assert.deepEqual([(await syncOf(syncId)).cursor, (await syncOf(syncId)).cursor_run_seq], [null, 0])
  })

  it('fails a run whose rows have not each come to one outcome', async () => {
    const { runId } = await aDrainingRun(db, [2])
    const place = { topic: 'u', partition: 0 }
    await openPartition(db, { ...place, owner: 'loader' })
    const counts = [aBatch({ runId, chunk: 0, attempt: 1, seq: 0, rows: 2, events: 1 })]
    const ends = [{ runId, epoch: 1, rows: 2, batches: 1 }]
    await recordProgress(db, { ...place, expectedOffset: null, nextOffset: 2n, counts, rejects: [], ends })
    assert.deepEqual((await watchRuns(db, patient, log)).ended, ['failed'])
  })

  it('fails a run as soon as a batch of it is known to be lost, without waiting for its end', async () => {
    const { runId } = await aDrainingRun(db, [2])
    const place = { topic: 'u', partition: 0 }
    await openPartition(db, { ...place, owner: 'loader' })
    const counts = [aBatch({ runId, chunk: 0, attempt: 1, seq: 1, rows: 2 })]
    await recordProgress(db, { ...place, expectedOffset: null, nextOffset: 2n, counts, rejects: [], ends: [] })
    assert.deepEqual((await watchRuns(db, patient, log)).ended, ['failed'])
    assert.equal((await runOf(runId)).error?.code, 'records_lost')
  })

  it('fails a run as soon as a chunk that is being read has lost a batch, since its reader may wait for it for ever', async () => {
    const { runId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 1 })
    const { attempt } = await leaseOf(db, runId, 'read')
    const place = { topic: 'u', partition: 0 }
    await openPartition(db, { ...place, owner: 'loader' })
    const counts = [aBatch({ runId, chunk: 0, attempt, seq: 1, rows: 2 })]
    await recordProgress(db, { ...place, expectedOffset: null, nextOffset: 2n, counts, rejects: [], ends: [] })
    assert.deepEqual((await watchRuns(db, patient, log)).ended, ['failed'])
    assert.equal((await runOf(runId)).error?.code, 'records_lost')
  })

  it('fails a run whose reader holds its lease and does nothing else: what it waits for was lost', async () => {
    const { runId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 1 })
    const task = await leaseOf(db, runId, 'read')
    const renewal = { ...task, leaseMs: 60_000, publishedBytes: 1000, rowsRead: 10 }
    await renewLease(db, renewal)
    const ended = await until(async () => {
      await renewLease(db, renewal)
      const pass = await watchRuns(db, { stuckMs: 300 }, log)
      return pass.ended.length > 0 ? pass.ended : null
    })
    assert.deepEqual(ended, ['failed'])
    assert.equal((await runOf(runId)).error?.code, 'run_stuck')
  })

  it('does not mind batches that an attempt which counts for nothing has lost', async () => {
    const { runId } = await aDrainingRun(db, [2])
    const place = { topic: 'u', partition: 0 }
    await openPartition(db, { ...place, owner: 'loader' })
    const counts = [
      aBatch({ runId, chunk: 0, attempt: 9, seq: 4, rows: 7 }),
      aBatch({ runId, chunk: 0, attempt: 1, seq: 0, rows: 2 }),
    ]
    const ends = [{ runId, epoch: 1, rows: 2, batches: 1 }]
    await recordProgress(db, { ...place, expectedOffset: null, nextOffset: 3n, counts, rejects: [], ends })
    assert.deepEqual((await watchRuns(db, patient, log)).ended, ['succeeded'])
  })

  it('finishes a cancelled run when the last of its readers has let go', async () => {
    const { runId, syncId } = await aQueuedRun(db)
    await planned(db, runId, { chunks: 1 })
    const task = await leaseOf(db, runId, 'read')
    await requestCancel(db, { runId })
    assert.deepEqual((await watchRuns(db, patient, log)).ended, [])
    await failTask(db, { ...task, error: { code: 'run_ended', message: '', hint: '' }, retryInMs: 0 })
    assert.deepEqual((await watchRuns(db, patient, log)).ended, ['cancelled'])
    assert.equal((await syncOf(syncId)).cursor, null)
    assert.equal((await createRun(db, { syncId, trigger: 'api' })).created, true)
  })

  it('fails a run of which nothing moves, unless its destination is what it waits for', async () => {
    const stuck = await aQueuedRun(db)
    const waiting = await aQueuedRun(db)
    await db.updateTable('projects').set({ attention: '{"code":"x"}' }).where('id', '=', waiting.projectId).execute()
    const ended = await until(async () => {
      const pass = await watchRuns(db, { stuckMs: 50 }, log)
      return pass.ended.length > 0 ? pass : null
    })
    assert.deepEqual([ended.ended, [...ended.open]], [['failed'], [['queued', 1]]])
    assert.deepEqual(
      [(await runOf(stuck.runId)).error?.code, (await runOf(waiting.runId)).state],
      ['run_stuck', 'queued'],
    )
  })
})

describe('after the end of a run', () => {
  const clean = { owner: 'me', warehouse: 'postgres', lanes: ['live', 'bulk'], leaseMs: 60_000 } as const
  const workOff = () => workOutbox(db, 10, (tx, entry) => effectOf(tx, entry, log))

  it('has its warehouse cleaned up by an extractor, again and again until that succeeds', async () => {
    const { runId } = await aDrainingRun(db, [1])
    await loaded(db, runId, [1])
    await watchRuns(db, patient, log)
    assert.equal(await leaseTask(db, clean), null)
    assert.equal(await workOff(), 1)
    const first = await leaseTask(db, clean)
    assert.deepEqual([first?.runId, first?.kind], [runId, 'clean'])
    await failTask(db, { ...first!, error: { code: 'x', message: '', hint: '' }, retryInMs: 1 })
    const second = await until(() => leaseTask(db, clean))
    assert.equal(await completeClean(db, { runId, attempt: second.attempt }), true)
    assert.notEqual((await runOf(runId)).cleaned_at, null)
    assert.equal(await leaseTask(db, clean), null)
  })

  it('has nothing to clean up for a run that was never planned', async () => {
    const { runId } = await aQueuedRun(db)
    await requestCancel(db, { runId })
    await workOff()
    assert.notEqual((await runOf(runId)).cleaned_at, null)
    assert.equal(await leaseTask(db, clean), null)
  })

  it('keeps the totals of an old run when its details are removed', async () => {
    const { runId } = await aDrainingRun(db, [2, 1])
    await loaded(db, runId, [2, 1])
    await watchRuns(db, patient, log)
    const future = new Date(Date.now() + 60_000)
    assert.equal(await pruneRuns(db, { detailsBefore: new Date(0), rejectsBefore: new Date(0), runsMax: 10 }), 0)
    assert.equal(await pruneRuns(db, { detailsBefore: future, rejectsBefore: future, runsMax: 10 }), 1)
    assert.deepEqual(await db.selectFrom('run_progress').selectAll().where('run_id', '=', runId).execute(), [])
    assert.equal((await runCounts(db, runId))?.totals.rows, 3)
    assert.equal(await pruneRuns(db, { detailsBefore: future, rejectsBefore: future, runsMax: 10 }), 0)
  })
})

describe('starting due runs', () => {
  const noon = new Date('2026-03-10T12:00:00Z')
  const later = (hours: number) => new Date(noon.getTime() + hours * 3_600_000)

  it('starts a run at the due time, once, however many schedulers look', async () => {
    const { syncId } = await aSync(db, { schedule: { kind: 'hourly' } })
    assert.equal(await startDueRuns(db, noon, log), 0)
    assert.deepEqual((await syncOf(syncId)).next_due_at, later(1))
    assert.equal(await startDueRuns(db, new Date(later(1).getTime() - 1), log), 0)
    const started = await Promise.all([1, 2, 3].map(() => startDueRuns(db, later(1), log)))
    assert.equal(
      started.reduce((sum, runs) => sum + runs),
      1,
    )
    assert.deepEqual(
      (await runsOf(syncId)).map(({ trigger }) => trigger),
      ['schedule'],
    )
    assert.deepEqual((await syncOf(syncId)).next_due_at, later(2))
  })

  it('catches up once, however many due times were missed', async () => {
    const { syncId } = await aSync(db, { schedule: { kind: 'hourly' } })
    await startDueRuns(db, noon, log)
    assert.equal(await startDueRuns(db, later(48), log), 1)
    assert.deepEqual((await syncOf(syncId)).next_due_at, later(49))
    assert.equal(await startDueRuns(db, later(48), log), 0)
  })

  it('waits for the open run, and then starts the one that was missed meanwhile', async () => {
    const { syncId } = await aSync(db, { schedule: { kind: 'hourly' } })
    await startDueRuns(db, noon, log)
    const { runId } = await createRun(db, { syncId, trigger: 'manual' })
    assert.equal(await startDueRuns(db, later(3), log), 0)
    await requestCancel(db, { runId })
    assert.equal(await startDueRuns(db, later(3), log), 1)
  })

  it('starts none for syncs that are paused or run only when asked to', async () => {
    const paused = await aSync(db, { schedule: { kind: 'hourly' } })
    const api = await aSync(db)
    await startDueRuns(db, noon, log)
    await pauseForAttention(db, { syncId: paused.syncId, reason: { code: 'x', message: '', hint: '' } })
    assert.equal(await startDueRuns(db, later(24), log), 0)
    assert.deepEqual([await runsOf(paused.syncId), await runsOf(api.syncId)], [[], []])
  })

  it('does not start a run twice when the scheduler died before it had noted the next time', async () => {
    const { syncId } = await aSync(db, { schedule: { kind: 'hourly' } })
    await startDueRuns(db, noon, log)
    const idempotencyKey = `schedule:${later(1).toISOString()}`
    const { runId } = await createRun(db, { syncId, trigger: 'schedule', idempotencyKey })
    await requestCancel(db, { runId })
    assert.equal(await startDueRuns(db, later(1), log), 0)
    assert.deepEqual([(await runsOf(syncId)).length, (await syncOf(syncId)).next_due_at], [1, later(2)])
  })
})

describe('leading', () => {
  it('is done by one at a time, and another takes over when it stops or dies', async () => {
    const start = (owner: string) => {
      const abort = new AbortController()
      const leadership = new Leadership(db, { name: 'test', owner, leaseMs: 2000, log })
      const kept = leadership.keep(abort.signal)
      const stop = () => {
        abort.abort()
        return kept
      }
      return { leadership, stop }
    }
    const first = start('first')
    await until(() => first.leadership.leads)
    const second = start('second')
    const third = start('third')
    const deadline = performance.now() + 3000
    const together: boolean[][] = []
    await until(() => {
      const leads = [first, second, third].map(({ leadership }) => leadership.leads)
      if (leads.join() !== 'true,false,false') together.push(leads)
      return performance.now() > deadline
    })
    assert.deepEqual(together, [])
    await first.stop()
    assert.equal(first.leadership.leads, false)
    await until(() => second.leadership.leads !== third.leadership.leads)
    await Promise.all([second.stop(), third.stop()])
  })
})
