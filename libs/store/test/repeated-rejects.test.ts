import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPartition } from '@millrace/store/progress/open-partition.ts'
import { recordProgress } from '@millrace/store/progress/record-progress.ts'
import { countRepeatedRejects } from '@millrace/store/rejects/count-repeated-rejects.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { aBatch, aQueuedRun, planned, readNext } from '@millrace/testkit/store-samples.ts'
import { withStore } from '@millrace/testkit/with-store.ts'

test('rows that are rejected again are told from rows that are rejected for the first time', () =>
  withStore(async ({ db }) => {
    const first = await aQueuedRun(db)
    await rejectRows(first.runId, ['a', 'b', 'c'])
    await db.updateTable('runs').set({ state: 'succeeded' }).where('id', '=', first.runId).execute()
    const other = await aQueuedRun(db)
    await rejectRows(other.runId, ['z'])
    const { runId } = await createRun(db, { syncId: first.syncId, trigger: 'api' })
    await rejectRows(runId, ['b', 'c', 'c', 'd', 'z'])
    assert.deepEqual([await countRepeatedRejects(db, first.runId), await countRepeatedRejects(db, runId)], [0, 2])

    async function rejectRows(runId: string, rowIds: readonly string[]): Promise<void> {
      await planned(db, runId, { chunks: 1, partitions: 1 })
      const { attempt } = await readNext(db, runId, [rowIds.length])
      const place = { topic: `updates.${runId}`, partition: 0 }
      await openPartition(db, { ...place, owner: 'me' })
      const rows = rowIds.length
      const of = { runId, chunk: 0, attempt }
      const reject = { stage: 'transformer', code: 'time_missing', field: 'at', message: '' } as const
      await recordProgress(db, {
        ...place,
        expectedOffset: null,
        nextOffset: 1n,
        counts: [aBatch({ ...of, seq: 0, rows, rejected: rows })],
        rejects: rowIds.map((rowId, ordinal) => ({ ...of, ...reject, rowId, ordinal })),
        ends: [],
      })
    }
  }))
