import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type UsageLines, usageLineNames } from '@millrace/domain/sync/usage-lines.ts'
import { succeedRun } from '@millrace/store/completion/succeed-run.ts'
import { jsonText } from '@millrace/store/json-text.ts'
import type { BatchCount } from '@millrace/store/progress/batch-count.ts'
import { openPartition } from '@millrace/store/progress/open-partition.ts'
import { recordProgress } from '@millrace/store/progress/record-progress.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { endRun } from '@millrace/store/runs/end-run.ts'
import { aBatch, closed, nothing, planned, readNext } from '@millrace/testkit/store-samples.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { refused } from './refused.ts'
import { sampleProject } from './sample-bodies.ts'
import { startTestApi, type TestApi } from './test-api.ts'

type Usage = {
  months: { month: string; total: UsageLines; syncs: { syncId: string; name: string; lines: UsageLines }[] }[]
}
type Counts = Partial<Omit<BatchCount, 'runId' | 'chunk' | 'attempt' | 'seq'>> & { readonly rows: number }

const kinds = {
  clicks: { table_type: 'events', profile_kind: null, mode: 'append' },
  orders: { table_type: 'events', profile_kind: null, mode: 'mirror' },
  plans: { table_type: 'user_profiles', profile_kind: 'history', mode: 'mirror' },
  accounts: { table_type: 'group_profiles', profile_kind: 'history', mode: 'mirror' },
  people: { table_type: 'user_profiles', profile_kind: 'standard', mode: 'full' },
  companies: { table_type: 'group_profiles', profile_kind: 'standard', mode: 'append' },
  countries: { table_type: 'lookup_table', profile_kind: null, mode: 'full' },
} as const
type Kind = keyof typeof kinds

describe('usage', () => {
  let store: TestStore
  let api: TestApi
  let sample: Awaited<ReturnType<typeof sampleProject>>

  before(async () => {
    store = await startTestStore()
    api = await startTestApi(store.db, { now: () => Date.parse('2026-03-05T00:00:00Z') })
    sample = await sampleProject(api.owner, 'usage')
    // The run that the sample has made waits for nobody here.
    await endRun(store.db, { runId: sample.runId, from: ['queued'], to: 'cancelled' })
    for (const [name, kind] of Object.entries(kinds)) {
      await store.db
        .insertInto('syncs')
        .values({
          id: name,
          project_id: sample.projectId,
          source_id: sample.sourceId,
          name,
          table_schema: 'public',
          table_name: name,
          ...kind,
          schedule: jsonText({ kind: 'api' }),
          import_id: name,
        })
        .execute()
      const mapping = jsonText({ tableType: kind.table_type })
      await store.db.insertInto('sync_mappings').values({ sync_id: name, version: 1, mapping }).execute()
    }
  })
  after(async () => {
    await api?.close()
    await store?.close()
  })

  /** A run of one batch, from its plan to its end at `at`. */
  async function ran(
    syncId: Kind,
    at: string,
    counts: Counts,
    end: 'succeeded' | 'failed' | 'cancelled' = 'succeeded',
  ) {
    const { db } = store
    const now = new Date(at)
    const { runId } = await createRun(db, { syncId, trigger: 'api' })
    await planned(db, runId, { chunks: 1, partitions: 1 })
    const { attempt } = await readNext(db, runId, [counts.rows])
    const place = { topic: runId, partition: 0 }
    await openPartition(db, { ...place, owner: 'loader' })
    const batch = aBatch({ runId, chunk: 0, attempt, seq: 0, events: 0, ...counts })
    await recordProgress(db, { ...place, expectedOffset: null, nextOffset: 2n, ...nothing, counts: [batch] })
    await closed(db, runId)
    const ended =
      end === 'succeeded'
        ? await succeedRun(db, { runId, now })
        : await endRun(db, { runId, from: ['draining'], to: end, now })
    assert.equal(ended, true)
  }

  const read = async (query: string) => (await api.owner<Usage>('GET', `${sample.base}/usage${query}`)).body.months

  test('of a scripted month is what a table worked out by hand says, line by line and sync by sync', async () => {
    await ran('clicks', '2026-01-31T23:59:59.999Z', { rows: 40, events: 40 }) // the last moment of January
    await ran('clicks', '2026-02-01T00:00:00Z', { rows: 1010, events: 1000, rejected: 10 })
    await ran('clicks', '2026-02-02T08:00:00Z', { rows: 70, events: 70 }, 'failed') // 70 came through before it failed
    await ran('clicks', '2026-02-02T09:00:00Z', { rows: 5, events: 5 }, 'cancelled')
    await ran('clicks', '2026-02-03T08:00:00Z', { rows: 6, rejected: 6 }) // nothing was accepted
    await ran('orders', '2026-02-02T06:00:00Z', { rows: 300, events: 300 }) // first run: inserts
    await ran('orders', '2026-02-03T06:00:00Z', { rows: 57, events: 20, updates: 30, deletes: 4, rejected: 3 })
    await ran('plans', '2026-02-04T06:00:00Z', { rows: 60, userUpdates: 60 }) // first run: every row is an operation
    await ran('plans', '2026-02-05T06:00:00Z', { rows: 12, userUpdates: 7, userDeletes: 3, rejected: 2 })
    await ran('accounts', '2026-02-06T06:00:00Z', { rows: 9, groupUpdates: 9 })
    await ran('people', '2026-02-07T06:00:00Z', { rows: 5000, userUpdates: 5000 })
    await ran('companies', '2026-02-08T06:00:00Z', { rows: 700, groupUpdates: 700 })
    await ran('countries', '2026-02-09T06:00:00Z', { rows: 195, lookupRows: 195 })
    await ran('orders', '2026-03-01T00:00:00Z', { rows: 8, updates: 8 }) // at work over midnight, ended in March

    assert.deepEqual(await read('?from=2026-01&to=2026-03'), [
      { month: '2026-01', total: lines(40, 0, 0, 0, 0), syncs: [of('clicks', 40, 0, 0, 0, 0)] },
      {
        month: '2026-02',
        total: lines(1395, 30, 4, 76, 3),
        syncs: [
          of('accounts', 0, 0, 0, 9, 0),
          of('clicks', 1075, 0, 0, 0, 0),
          of('orders', 320, 30, 4, 0, 0),
          of('plans', 0, 0, 0, 67, 3),
        ],
      },
      { month: '2026-03', total: lines(0, 8, 0, 0, 0), syncs: [of('orders', 0, 8, 0, 0, 0)] },
    ])
  })

  test('is that of the present month unless months are named, and zero where there was none', async () => {
    assert.deepEqual(
      (await read('')).map(({ month }) => month),
      ['2026-03'],
    )
    assert.deepEqual(await read('?from=2025-12&to=2025-12'), [
      { month: '2025-12', total: lines(0, 0, 0, 0, 0), syncs: [] },
    ])
  })

  test('is refused for months in the wrong order, for too many, and for other projects', async () => {
    const ask = (query: string) => api.owner('GET', `${sample.base}/usage${query}`)
    refused(await ask('?from=2026-03&to=2026-02'), 422, 'months_invalid')
    refused(await ask('?from=2020-01&to=2026-02'), 422, 'months_invalid')
    refused(await ask('?from=2026-13&to=2026-14'), 400, 'request_invalid')
    const elsewhere = await sampleProject(api.owner, 'elsewhere')
    const stranger = await api.as('analyst', elsewhere.projectId)
    refused(await stranger('GET', `${sample.base}/usage`), 404, 'not_found')
  })
})

function lines(...amounts: readonly number[]): UsageLines {
  return Object.fromEntries(usageLineNames.map((name, i) => [name, amounts[i]])) as UsageLines
}

function of(name: Kind, ...amounts: readonly number[]) {
  return { syncId: name, name, lines: lines(...amounts) }
}
