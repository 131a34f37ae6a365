import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { Database } from '@millrace/store/open-store.ts'
import { workOutbox } from '@millrace/store/outbox/work-outbox.ts'
import { endRun } from '@millrace/store/runs/end-run.ts'
import { putSealedFields } from '@millrace/store/secrets/put-sealed-fields.ts'
import { sealedFields } from '@millrace/store/secrets/sealed-fields.ts'
import { deleteSource } from '@millrace/store/sources/delete-source.ts'
import { pruneSources } from '@millrace/store/sources/prune-sources.ts'
import { sourceConnection } from '@millrace/store/sources/source-connection.ts'
import { deleteSync } from '@millrace/store/syncs/delete-sync.ts'
import { addCleanTask } from '@millrace/store/tasks/add-clean-task.ts'
import { completeClean } from '@millrace/store/tasks/complete-clean.ts'
import { failTask } from '@millrace/store/tasks/fail-task.ts'
import { leaseTask } from '@millrace/store/tasks/lease-task.ts'
import { aQueuedRun, aSync, leaseOf, planned } from '@millrace/testkit/store-samples.ts'
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

const nobodyIsGivenUp = { giveUpBefore: new Date(0) }
const secretsOf = async (sourceId: string) => (await sealedFields(db, `source:${sourceId}`)).map(({ field }) => field)

describe('the secrets of a source that was deleted', () => {
  it('go at once when nothing of it is left in the warehouse', async () => {
    const ids = await aSync(db)
    await seal(ids.sourceId)
    await remove(ids)
    assert.deepEqual(await secretsOf(ids.sourceId), [])
  })

  it('stay until what its runs have left is removed, and let whoever removes it in', async () => {
    const other = await aSync(db)
    await seal(other.sourceId)
    const run = await aRunToClean()
    await remove(run)
    assert.deepEqual(await pruneSources(db, nobodyIsGivenUp), { givenUp: [] })
    await noteEnds()
    assert.deepEqual((await sourceConnection(db, run.sourceId))?.secrets.length, 1)

    const { attempt } = await leaseOf(db, run.runId, 'clean')
    await pruneSources(db, nobodyIsGivenUp)
    assert.deepEqual(await secretsOf(run.sourceId), ['password'])
    assert.equal(await completeClean(db, { runId: run.runId, attempt }), true)
    await pruneSources(db, nobodyIsGivenUp)
    assert.deepEqual([await secretsOf(run.sourceId), await secretsOf(other.sourceId)], [[], ['password']])
  })

  it('go after so long a time that a warehouse which lets nobody in is not asked for ever', async () => {
    const run = await aRunToClean()
    const { runId } = run
    await noteEnds()
    const { attempt } = await leaseOf(db, runId, 'clean')
    const error = { code: 'login_refused', message: 'refused', hint: 'enter the password again' }
    await failTask(db, { runId, kind: 'clean', index: 0, attempt, error, retryInMs: 1 })
    await remove(run)
    assert.deepEqual(await pruneSources(db, { giveUpBefore: new Date(Date.now() + 60_000) }), { givenUp: [runId] })
    assert.deepEqual(await secretsOf(run.sourceId), [])
    const next = await leaseTask(db, { owner: 'me', warehouse: 'postgres', lanes: ['live', 'bulk'], leaseMs: 1000 })
    assert.equal(next, null)
  })
})

/** A run that ended after it was planned: the scheduler has not heard of that yet. */
async function aRunToClean() {
  const run = await aQueuedRun(db)
  await seal(run.sourceId)
  await planned(db, run.runId, { chunks: 1 })
  assert.equal(await endRun(db, { runId: run.runId, from: ['reading'], to: 'cancelled' }), true)
  return run
}

async function noteEnds(): Promise<void> {
  await workOutbox(db, 10, (tx, { payload }) => addCleanTask(tx, payload as { runId: string }))
}

async function seal(sourceId: string): Promise<void> {
  const part = Buffer.from('sealed')
  await putSealedFields(db, `source:${sourceId}`, [
    { field: 'password', keyVersion: 1, kekId: 'k', wrappedKey: part, nonce: part, ciphertext: part, tag: part },
  ])
}

async function remove({ projectId, sourceId, syncId }: Record<'projectId' | 'sourceId' | 'syncId', string>) {
  assert.equal(await deleteSync(db, { projectId, syncId }), true)
  assert.equal(await deleteSource(db, { projectId, sourceId }), true)
}
