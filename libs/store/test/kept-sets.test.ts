import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { succeedRun } from '@millrace/store/completion/succeed-run.ts'
import { cleanKeptSets } from '@millrace/store/mirror/clean-kept-sets.ts'
import { hasKeptBlobs } from '@millrace/store/mirror/has-kept-blobs.ts'
import { type Keeping, keepBlobs, keepSet } from '@millrace/store/mirror/keep.ts'
import { keptBlobs } from '@millrace/store/mirror/kept-blobs.ts'
import { keptSet } from '@millrace/store/mirror/kept-set.ts'
import type { Database } from '@millrace/store/open-store.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { requestCancel } from '@millrace/store/runs/request-cancel.ts'
import { deleteSync } from '@millrace/store/syncs/delete-sync.ts'
import { resyncSync } from '@millrace/store/syncs/resync-sync.ts'
import { completePlan } from '@millrace/store/tasks/complete-plan.ts'
import { failTask } from '@millrace/store/tasks/fail-task.ts'
import { aPlan, aSync, leaseOf } from '@millrace/testkit/store-samples.ts'
import { withStore } from '@millrace/testkit/with-store.ts'

const mirror = { mode: 'mirror' } as const

/** A run whose plan is at work. */
async function planning(db: Database, syncId: string): Promise<Keeping> {
  const { runId } = await createRun(db, { syncId, trigger: 'api' })
  const { attempt } = await leaseOf(db, runId, 'plan')
  return { syncId, runId, attempt }
}

/** Keeps a blob for each text; gives their ids. */
async function keep(db: Database, keeping: Keeping, ...texts: readonly string[]): Promise<string[]> {
  const blobs = texts.map((text) => ({ id: randomUUID(), bytes: Buffer.from(text) }))
  await keepBlobs(db, keeping, blobs)
  return blobs.map(({ id }) => id)
}

async function keepSetOf(db: Database, keeping: Keeping, blobs: readonly (string | null)[]): Promise<string> {
  const id = randomUUID()
  await keepSet(db, keeping, id, { head: Buffer.from('head'), blobs })
  return id
}

async function planStored(db: Database, { runId, attempt }: Keeping, snapshot: string, chunks = 0): Promise<void> {
  const plan = aPlan(chunks, { nextCursor: { hi: null, pin: { snapshot } } })
  const parts = { plan, pinShared: null, pinOwner: 'me', chunks: plan.chunks, countIdentical: false, partitions: 1 }
  assert.ok(await completePlan(db, { runId, attempt, ...parts }))
}

async function succeed(db: Database, { runId }: Keeping): Promise<void> {
  await db.updateTable('runs').set({ state: 'draining' }).where('id', '=', runId).execute()
  assert.ok(await succeedRun(db, { runId }))
}

/** A sync that has succeeded once with two buckets. */
async function aKeptSync(db: Database) {
  const ids = await aSync(db, mirror)
  const first = await planning(db, ids.syncId)
  const buckets = await keep(db, first, 'bucket 0', 'bucket 1')
  const changes = await keep(db, first, 'changes')
  const set = await keepSetOf(db, first, [...buckets, null])
  await planStored(db, first, set)
  return { ...ids, first, buckets, changes, set }
}

async function left(db: Database, syncId: string): Promise<{ blobs: string[]; sets: string[] }> {
  const blobs = await db.selectFrom('mirror_blobs').select('bytes').where('sync_id', '=', syncId).execute()
  const sets = await db.selectFrom('mirror_sets').select('id').where('sync_id', '=', syncId).execute()
  return { blobs: blobs.map(({ bytes }) => String(bytes)).sort(), sets: sets.map(({ id }) => id) }
}

const failure = { code: 'query_failed', message: 'no', hint: 'again' }

describe('what a mirrored sync keeps in the control store', () => {
  it('is there for the next run, and the changes go with the run that found them', () =>
    withStore(async ({ db }) => {
      const { syncId, first, buckets, changes, set } = await aKeptSync(db)
      await cleanKeptSets(db, syncId)
      assert.equal((await left(db, syncId)).blobs.length, 3, 'the run is not over')
      await succeed(db, first)
      await cleanKeptSets(db, syncId)
      await cleanKeptSets(db, syncId)
      assert.deepEqual(await left(db, syncId), { blobs: ['bucket 0', 'bucket 1'], sets: [set] })
      const kept = await keptSet(db, set)
      assert.deepEqual([kept?.head.toString(), kept?.blobs], ['head', [...buckets, null]])
      const found = await keptBlobs(db, [buckets[1]!, changes[0]!])
      assert.deepEqual(
        [...found].map(([id, bytes]) => [id, String(bytes)]),
        [[buckets[1], 'bucket 1']],
      )
      assert.equal(await keptSet(db, changes[0]!), null)
    }))

  it('is that of the last succeeded run once a later one has failed, and of the later one once that has succeeded', () =>
    withStore(async ({ db }) => {
      const { syncId, first, buckets, set } = await aKeptSync(db)
      await succeed(db, first)
      const failed = await planning(db, syncId)
      const wrong = await keep(db, failed, 'of the failed run')
      await keepSetOf(db, failed, [wrong[0]!, buckets[1]!, null])
      await failTask(db, { ...failed, kind: 'plan', index: 0, error: failure, retryInMs: null })
      await cleanKeptSets(db, syncId)
      assert.deepEqual(await left(db, syncId), { blobs: ['bucket 0', 'bucket 1'], sets: [set] })

      const second = await planning(db, syncId)
      const fresh = await keep(db, second, 'bucket 0 now')
      const next = await keepSetOf(db, second, [fresh[0]!, buckets[1]!, null])
      await cleanKeptSets(db, syncId)
      assert.equal((await left(db, syncId)).sets.length, 2, 'both: the run may fail')
      await planStored(db, second, next)
      await succeed(db, second)
      await cleanKeptSets(db, syncId)
      assert.deepEqual(await left(db, syncId), { blobs: ['bucket 0 now', 'bucket 1'], sets: [next] })
    }))

  it('stays with a run that ended on the way, for the next one takes its plan up, and goes when that has succeeded', () =>
    withStore(async ({ db }) => {
      const { syncId, first, buckets, set } = await aKeptSync(db)
      await succeed(db, first)
      const cut = await planning(db, syncId)
      const fresh = await keep(db, cut, 'bucket 0 now', 'changes of the cut run')
      const next = await keepSetOf(db, cut, [fresh[0]!, buckets[1]!, null])
      await planStored(db, cut, next, 1)
      await db.updateTable('runs').set({ state: 'failed' }).where('id', '=', cut.runId).execute()
      await cleanKeptSets(db, syncId)
      assert.ok(await hasKeptBlobs(db, [...fresh, ...buckets]))
      assert.deepEqual((await left(db, syncId)).sets.sort(), [set, next].sort())
      const second = await planning(db, syncId)
      await planStored(db, second, next)
      await succeed(db, second)
      await cleanKeptSets(db, syncId)
      assert.deepEqual(await left(db, syncId), { blobs: ['bucket 0 now', 'bucket 1'], sets: [next] })
      assert.equal(await hasKeptBlobs(db, fresh), false)
    }))

  it('is written under the lease of the plan only: not by an attempt that is not the last, nor after the end of the run', () =>
    withStore(async ({ db }) => {
      const { syncId } = await aSync(db, mirror)
      const old = await planning(db, syncId)
      await keep(db, old, 'of the first attempt')
      await failTask(db, { ...old, kind: 'plan', index: 0, error: failure, retryInMs: 0 })
      await assert.rejects(keep(db, old, 'too late'), { code: 'conflict' })
      const { attempt } = await leaseOf(db, old.runId, 'plan')
      assert.notEqual(attempt, old.attempt)
      await assert.rejects(keep(db, old, 'too late'), { code: 'conflict' })
      await assert.rejects(keepSetOf(db, old, []), { code: 'conflict' })
      await keep(db, { ...old, attempt }, 'of the second attempt')
      await requestCancel(db, { runId: old.runId })
      await db.updateTable('runs').set({ state: 'cancelled' }).where('id', '=', old.runId).execute()
      await assert.rejects(keep(db, { ...old, attempt }, 'too late'), { code: 'conflict' })
      await cleanKeptSets(db, syncId)
      assert.deepEqual(await left(db, syncId), { blobs: [], sets: [] })
    }))

  it('goes with a resync and with the end of the sync, also more of it than one statement removes', () =>
    withStore(async ({ db }) => {
      for (const end of ['resync', 'delete'] as const) {
        const { syncId, projectId, first } = await aKeptSync(db)
        const other = await aKeptSync(db)
        await succeed(db, first)
        const second = await planning(db, syncId)
        const many = await keep(db, second, ...Array.from({ length: 1500 }, (_, n) => `bucket ${n}`))
        const set = await keepSetOf(db, second, many)
        await planStored(db, second, set)
        await succeed(db, second)
        await cleanKeptSets(db, syncId)
        assert.equal((await left(db, syncId)).blobs.length, 1500)
        if (end === 'resync') await resyncSync(db, { projectId, syncId })
        else await deleteSync(db, { projectId, syncId })
        await cleanKeptSets(db, syncId)
        assert.deepEqual(await left(db, syncId), { blobs: [], sets: [] })
        assert.equal((await left(db, other.syncId)).blobs.length, 3, 'another sync keeps its own')
      }
    }))
})
