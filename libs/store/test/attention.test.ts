import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Database } from '@millrace/store/open-store.ts'
import { setProjectAttention } from '@millrace/store/projects/set-attention.ts'
import { updateProject } from '@millrace/store/projects/update-project.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { pauseForAttention } from '@millrace/store/syncs/pause-for-attention.ts'
import { aQueuedRun, aSync } from '@millrace/testkit/store-samples.ts'
import { withStore } from '@millrace/testkit/with-store.ts'

const refused = (status: number) => ({ code: `destination_refused_${status}`, message: 'no', hint: 'look' })
const syncOf = (db: Database, syncId: string) =>
  db.selectFrom('syncs').selectAll().where('id', '=', syncId).executeTakeFirstOrThrow()

describe('a destination that asks for a person', () => {
  it('stops the syncs of its project, keeps their open runs, and lets them go on when it is in order', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId, runId } = await aQueuedRun(db)
      const other = await aSync(db)
      await setProjectAttention(db, { projectId, attention: refused(401) })
      // Another loader that meets something else replaces the reason.
      await setProjectAttention(db, { projectId, attention: refused(404) })
      const sync = await syncOf(db, syncId)
      assert.deepEqual([sync.state, sync.state_reason], ['needs_attention', refused(404)])
      await assert.rejects(createRun(db, { syncId, trigger: 'api' }), { code: 'sync_not_active' })
      assert.equal((await syncOf(db, other.syncId)).state, 'active')
      const run = await db.selectFrom('runs').select('state').where('id', '=', runId).executeTakeFirstOrThrow()
      assert.equal(run.state, 'queued')
      await setProjectAttention(db, { projectId, attention: null })
      assert.deepEqual([(await syncOf(db, syncId)).state, (await syncOf(db, syncId)).state_reason], ['active', null])
    }))

  it('is forgotten when the project gets another one', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId } = await aSync(db)
      await setProjectAttention(db, { projectId, attention: refused(401) })
      await updateProject(db, { id: projectId, name: 'Renamed', secrets: [] })
      assert.equal((await syncOf(db, syncId)).state, 'needs_attention')
      await updateProject(db, { id: projectId, destination: { kind: 'ingestion' }, secrets: [] })
      assert.equal((await syncOf(db, syncId)).state, 'active')
    }))

  it('does not wake a sync that somebody has paused, or that waits for something else', () =>
    withStore(async ({ db }) => {
      const { projectId, syncId } = await aSync(db)
      await pauseForAttention(db, { syncId, reason: refused(1) })
      await setProjectAttention(db, { projectId, attention: refused(401) })
      await setProjectAttention(db, { projectId, attention: null })
      assert.equal((await syncOf(db, syncId)).state, 'needs_attention')
      await db.updateTable('syncs').set({ state: 'paused' }).where('id', '=', syncId).execute()
      await setProjectAttention(db, { projectId, attention: refused(401) })
      await setProjectAttention(db, { projectId, attention: null })
      assert.equal((await syncOf(db, syncId)).state, 'paused')
    }))
})
