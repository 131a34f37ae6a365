import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { listParkings } from '@millrace/store/parkings/list-parkings.ts'
import { openPartition } from '@millrace/store/progress/open-partition.ts'
import { type ProgressStep, recordProgress, rejectsKeptMax } from '@millrace/store/progress/record-progress.ts'
import { projectDestination } from '@millrace/store/projects/destination.ts'
import { aBatch, aPartition, aQueuedRun, nothing } from '@millrace/testkit/store-samples.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'

let store: TestStore
before(async () => {
  store = await startTestStore()
})
after(() => store.close())

async function progressOf(runId: string) {
  return store.db.selectFrom('run_progress').selectAll().where('run_id', '=', runId).orderBy('attempt').execute()
}

describe('recording progress', () => {
  it('moves the offset and counts in one step, and begins where it ended', async () => {
    const { runId } = await aQueuedRun(store.db)
    const place = await aPartition(store.db)
    const step = { ...nothing, counts: [aBatch({ runId, chunk: 0, attempt: 1, seq: 0, rows: 5, rejected: 1 })] }
    assert.equal(await recordProgress(store.db, { ...place, expectedOffset: null, nextOffset: 7n, ...step }), true)
    const opened = await openPartition(store.db, { ...place, owner: 'you' })
    assert.equal(opened.nextOffset, 7n)
    assert.deepEqual(
      opened.counted.filter((each) => each.runId === runId),
      [{ runId, chunk: 0, attempt: 1, nextSeq: 1 }],
    )
    const [row] = await progressOf(runId)
    assert.deepEqual([row?.rows, row?.events, row?.rejected, row?.next_seq, row?.partition], [5, 4, 1, 1, 3])
  })

  it('keeps each counter by itself, and adds to it', async () => {
    const { runId } = await aQueuedRun(store.db)
    const place = await aPartition(store.db)
    const each = { updates: 2, deletes: 3, userUpdates: 4, userDeletes: 5, groupUpdates: 6, groupDeletes: 7 }
    const counted = { events: 1, ...each, lookupRows: 8, rejected: 9, filtered: 10, bytes: 11, sent: 12 }
    for (const seq of [0, 1]) {
      const counts = [aBatch({ runId, chunk: 0, attempt: 1, seq, rows: 55, ...counted })]
      const [expectedOffset, nextOffset] = [seq === 0 ? null : 1n, BigInt(seq + 1)]
      assert.equal(await recordProgress(store.db, { ...place, expectedOffset, nextOffset, ...nothing, counts }), true)
    }
    const [row] = await progressOf(runId)
    const { events, updates, deletes, user_updates, user_deletes, group_updates, group_deletes, lookup_rows } = row!
    assert.deepEqual(
      [events, updates, deletes, user_updates, user_deletes, group_updates, group_deletes, lookup_rows],
      [2, 4, 6, 8, 10, 12, 14, 16],
    )
    assert.deepEqual([row!.rejected, row!.filtered, row!.bytes, row!.sent, row!.rows], [18, 20, 22, 24, 110])
  })

  it('writes nothing when another owner has moved the partition', async () => {
    const { runId } = await aQueuedRun(store.db)
    const place = await aPartition(store.db)
    await recordProgress(store.db, { ...place, expectedOffset: null, nextOffset: 10n, ...nothing })
    const late: ProgressStep = {
      ...place,
      expectedOffset: null,
      nextOffset: 12n,
      counts: [aBatch({ runId, chunk: 0, attempt: 1, seq: 0, rows: 5 })],
      rejects: [
        { runId, chunk: 0, attempt: 1, ordinal: 1, stage: 'loader', rowId: 'ab', code: 'c', field: '', message: '' },
      ],
      ends: [{ runId, epoch: 1, rows: 5, batches: 1 }],
    }
    assert.equal(await recordProgress(store.db, late), false)
    assert.deepEqual(await progressOf(runId), [])
    assert.deepEqual(await store.db.selectFrom('run_partitions').selectAll().where('run_id', '=', runId).execute(), [])
    assert.deepEqual(await store.db.selectFrom('rejects').selectAll().where('run_id', '=', runId).execute(), [])
    assert.equal((await openPartition(store.db, { ...place, owner: 'me' })).nextOffset, 10n)
  })

  it('takes offsets beyond what a double holds exactly', async () => {
    const place = await aPartition(store.db)
    const far = 2n ** 62n + 1n
    await recordProgress(store.db, { ...place, expectedOffset: null, nextOffset: far, ...nothing })
    assert.equal((await openPartition(store.db, { ...place, owner: 'me' })).nextOffset, far)
    assert.equal(
      await recordProgress(store.db, { ...place, expectedOffset: far - 1n, nextOffset: far + 1n, ...nothing }),
      false,
    )
    assert.equal(
      await recordProgress(store.db, { ...place, expectedOffset: far, nextOffset: far + 1n, ...nothing }),
      true,
    )
  })

  it('counts a batch once, drops one that was counted, and notes the first after a gap', async () => {
    const { runId } = await aQueuedRun(store.db)
    const place = await aPartition(store.db)
    const batch = (seq: number, rows = 1) => aBatch({ runId, chunk: 2, attempt: 1, seq, rows })
    const step = async (expectedOffset: bigint | null, nextOffset: bigint, seqs: number[]) =>
      assert.equal(
        await recordProgress(store.db, {
          ...place,
          expectedOffset,
          nextOffset,
          ...nothing,
          counts: seqs.map((seq) => batch(seq)),
        }),
        true,
      )
    await step(null, 3n, [0, 1, 1, 0])
    await step(3n, 5n, [1, 2])
    let [row] = await progressOf(runId)
    assert.deepEqual([row?.next_seq, row?.rows, row?.gap_seq], [3, 3, null])
    await step(5n, 9n, [3, 5, 6])
    ;[row] = await progressOf(runId)
    assert.deepEqual([row?.next_seq, row?.rows, row?.gap_seq], [4, 4, 5])
    await step(9n, 12n, [7])
    ;[row] = await progressOf(runId)
    assert.deepEqual([row?.next_seq, row?.rows, row?.gap_seq], [4, 4, 5])
  })

  it('notes a gap when the first batches of a chunk are missing', async () => {
    const { runId } = await aQueuedRun(store.db)
    const counts = [aBatch({ runId, chunk: 0, attempt: 1, seq: 1, rows: 9 })]
    await recordProgress(store.db, {
      ...(await aPartition(store.db)),
      expectedOffset: null,
      nextOffset: 1n,
      ...nothing,
      counts,
    })
    const [row] = await progressOf(runId)
    assert.deepEqual([row?.next_seq, row?.rows, row?.gap_seq], [0, 0, 1])
  })

  it('keeps the first run_end of the highest epoch', async () => {
    const { runId } = await aQueuedRun(store.db)
    const place = await aPartition(store.db)
    const end = (epoch: number, rows: number) => ({ runId, epoch, rows, batches: rows })
    const steps = [[end(2, 20)], [end(1, 10)], [end(2, 99)], [end(3, 30), end(1, 5)]]
    const seen: unknown[] = []
    for (const [n, ends] of steps.entries()) {
      const expectedOffset = n === 0 ? null : BigInt(n)
      await recordProgress(store.db, { ...place, expectedOffset, nextOffset: BigInt(n + 1), ...nothing, ends })
      const row = await store.db.selectFrom('run_partitions').selectAll().where('run_id', '=', runId).executeTakeFirst()
      seen.push([row?.end_epoch, row?.end_rows, row?.ended_at !== null])
    }
    assert.deepEqual(seen, [
      [2, 20, true],
      [2, 20, true],
      [2, 20, true],
      [3, 30, true],
    ])
  })

  it('keeps details of rejects up to a limit, and counts all of them', async () => {
    const { runId } = await aQueuedRun(store.db)
    const place = await aPartition(store.db)
    const reject = (ordinal: number) => ({
      runId,
      chunk: 0,
      attempt: 1,
      ordinal,
      stage: 'transformer' as const,
      rowId: 'ab',
      code: 'time_missing',
      field: 'at\0',
      message: 'no \ud800 time',
    })
    const rejects = Array.from({ length: rejectsKeptMax - 1 }, (_, ordinal) => reject(ordinal))
    const counts = (seq: number, rows: number) => [aBatch({ runId, chunk: 0, attempt: 1, seq, rows, rejected: rows })]
    await recordProgress(store.db, {
      ...place,
      expectedOffset: null,
      nextOffset: 1n,
      ...nothing,
      rejects,
      counts: counts(0, rejects.length),
    })
    await recordProgress(store.db, {
      ...place,
      expectedOffset: 1n,
      nextOffset: 2n,
      ...nothing,
      rejects: [reject(5000), reject(5001), reject(5002)],
      counts: counts(1, 3),
    })
    const kept = await store.db
      .selectFrom('rejects')
      .selectAll()
      .where('run_id', '=', runId)
      .orderBy('ordinal', 'desc')
      .execute()
    assert.equal(kept.length, rejectsKeptMax)
    assert.deepEqual([kept[0]?.ordinal, kept[0]?.field, kept[0]?.message], [5000, 'at\ufffd', 'no \ufffd time'])
    assert.equal((await progressOf(runId))[0]?.rejected, rejectsKeptMax + 2)
  })

  it('notes that a project is parked, and since when, until it flows again', async () => {
    const { projectId } = await aQueuedRun(store.db)
    const place = await aPartition(store.db)
    const step = async (expectedOffset: bigint | null, state: 'parked' | 'open', lastParkedOffset: bigint | null) => {
      const parked = [{ projectId, lane: 'live' as const, state, lastParkedOffset }]
      await recordProgress(store.db, {
        ...place,
        expectedOffset,
        nextOffset: (expectedOffset ?? 0n) + 1n,
        ...nothing,
        parked,
      })
      const all = await listParkings(store.db, { lane: 'live', partition: place.partition })
      return all.find((parking) => parking.projectId === projectId)
    }
    const first = await step(null, 'parked', null)
    const second = await step(1n, 'parked', 2n ** 60n)
    assert.deepEqual([first?.state, second?.lastParkedOffset, second?.since], ['parked', 2n ** 60n, first?.since])
    assert.deepEqual((await projectDestination(store.db, projectId))?.parkedSince, first?.since)
    assert.equal((await step(2n, 'open', 2n ** 60n))?.state, 'open')
    assert.equal((await projectDestination(store.db, projectId))?.parkedSince, null)
  })
})
