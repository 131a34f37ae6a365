import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { jsonText } from '@millrace/store/json-text.ts'
import { endRun } from '@millrace/store/runs/end-run.ts'
import type { Problem } from '@millrace/store/schema.ts'
import { pauseForAttention } from '@millrace/store/syncs/pause-for-attention.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { refused } from './refused.ts'
import { eventsMapping, sampleProject, syncBody } from './sample-bodies.ts'
import { canaries, startTestApi, type TestApi } from './test-api.ts'

type Sync = {
  id: string
  state: string
  stateReason: Problem | null
  deletionPercentMax: number | null
  generation: number
  mappingVersion: number
  snapshotExpiresAt: string | null
  warnings: Problem[]
}
type Run = { id: string; state: string; syncId: string }

const noon = Date.parse('2026-03-20T12:00:00Z')
const dayMs = 86_400_000
const needsConfirmation: Problem = {
  code: 'needs_confirmation',
  message: 'The run would delete 900 rows of 1000, 90 %.',
  hint: 'Look at the table first.',
  details: { deletes: 900, knownRows: 1000, percent: 90 },
}
const schemaChanged = (mayContinue: boolean): Problem => ({
  code: 'schema_changed',
  message: 'The column "genre" is gone.',
  hint: 'Continue or resync.',
  details: { difference: { dropped: ['genre'] }, schemaFingerprint: 'f-2', mayContinue },
})
const resyncRequired: Problem = { code: 'resync_required', message: 'The snapshot is gone.', hint: 'Resync.' }

describe('mirrored syncs', () => {
  let store: TestStore
  let api: TestApi
  let base: string
  let sourceId: string
  let names = 0

  before(async () => {
    store = await startTestStore()
    api = await startTestApi(store.db, { now: () => noon })
    base = (await sampleProject(api.owner, 'mirrors')).base
    const source = await api.owner<{ id: string }>('POST', `${base}/sources`, {
      name: 'lake',
      warehouse: 'bigquery',
      options: { projectId: 'my-project-1', stagingDataset: 'millrace' },
      secrets: { serviceAccountKey: canaries.password },
    })
    assert.equal(source.status, 201, source.text)
    sourceId = source.body.id
  })
  after(async () => {
    await api?.close()
    await store?.close()
  })

  const create = (change: Record<string, unknown> = {}) =>
    api.owner<Sync>(
      'POST',
      `${base}/syncs`,
      syncBody(sourceId, { name: `mirror ${++names}`, mode: 'mirror', insertTimeColumn: null, ...change }),
    )
  const made = async (change?: Record<string, unknown>) => {
    const { status, body, text } = await create(change)
    assert.equal(status, 201, text)
    return body
  }
  const read = async (id: string) => (await api.owner<Sync>('GET', `${base}/syncs/${id}`)).body
  const stopped = async (reason: Problem) => {
    const { id } = await made()
    assert.equal(await pauseForAttention(store.db, { syncId: id, reason }), true)
    return id
  }
  const decide = (id: string, choice: string, headers?: Record<string, string>) =>
    api.owner<Run>('POST', `${base}/syncs/${id}/decision`, { choice }, headers)
  const rowOf = (id: string) => store.db.selectFrom('syncs').selectAll().where('id', '=', id).executeTakeFirstOrThrow()

  test('of views, of types that cannot be read and of other modes’ settings are 422s that say why', async () => {
    const view = refused(
      await create({ table: { schema: 'public', name: 'flights_view' } }),
      422,
      'combination_not_supported',
    )
    assert.deepEqual(
      view.errors?.map(({ path, code }) => [path, code]),
      [['table', 'mirror_not_on_views']],
    )
    const type = refused(await create({ table: { schema: 'public', name: 'shapes' } }), 422, 'type_not_supported')
    assert.match(type.errors?.[0]?.message ?? '', /"outline"/)
    const append = { mode: 'append', insertTimeColumn: 'inserted_at', deletionPercentMax: 5 }
    const percent = refused(await create(append), 422, 'combination_not_supported')
    assert.equal(percent.errors?.[0]?.code, 'only_mirror_deletes')
    refused(await create({ deletionPercentMax: 101 }), 400, 'request_invalid')
  })

  test('have a limit of deletes that can be set and taken back', async () => {
    const { id, deletionPercentMax } = await made({ deletionPercentMax: 5 })
    assert.equal(deletionPercentMax, 5)
    const patch = (value: number | null) =>
      api.owner<Sync>('PATCH', `${base}/syncs/${id}`, { deletionPercentMax: value })
    assert.equal((await patch(50)).body.deletionPercentMax, 50)
    assert.equal((await patch(null)).body.deletionPercentMax, null)
  })

  test('show what they wait for, and go on with deletes that a person has confirmed', async () => {
    const id = await stopped(needsConfirmation)
    assert.deepEqual((await read(id)).stateReason, needsConfirmation)
    refused(await api.owner('POST', `${base}/syncs/${id}/runs`), 409, 'sync_not_active')
    refused(await decide(id, 'continue'), 409, 'nothing_to_decide')
    const run = await decide(id, 'confirm_deletes')
    assert.deepEqual([run.status, run.body.state, run.body.syncId], [201, 'queued', id])
    const { state, state_reason, decision, generation } = await rowOf(id)
    assert.deepEqual([state, state_reason, decision, generation], ['active', null, { confirmedDeletes: 900 }, 1])
  })

  test('continue with a changed schema only where the warehouse can', async () => {
    const id = await stopped(schemaChanged(true))
    assert.equal((await decide(id, 'continue')).status, 201)
    assert.deepEqual((await rowOf(id)).decision, { acceptedSchema: 'f-2' })
    const other = await stopped(schemaChanged(false))
    assert.match(refused(await decide(other, 'continue'), 409, 'resync_required').hint ?? '', /resync/)
    assert.equal((await read(other)).state, 'needs_attention')
    const expired = await stopped(resyncRequired)
    refused(await decide(expired, 'continue'), 409, 'resync_required')
    refused(await decide(expired, 'confirm_deletes'), 409, 'nothing_to_decide')
  })

  test('begin anew with a resync, which waits until no run is open', async () => {
    const id = await stopped(resyncRequired)
    const cursor = jsonText({ hi: null, pin: { snapshot: 's' } })
    await store.db.updateTable('syncs').set({ cursor }).where('id', '=', id).execute()
    const run = await decide(id, 'resync')
    assert.equal(run.status, 201)
    const { state, generation, cursor: after } = await rowOf(id)
    assert.deepEqual([state, generation, after], ['active', 2, null])
    refused(await decide(id, 'resync'), 409, 'run_open_exists')
    refused(await decide(id, 'confirm_deletes'), 409, 'nothing_to_decide')
    await endRun(store.db, { runId: run.body.id, from: ['queued'], to: 'cancelled' })
    assert.equal((await decide(id, 'resync')).status, 201)
    assert.equal((await read(id)).generation, 3)
  })

  test('take a decision once, however often the request is sent with the same key', async () => {
    const id = await stopped(needsConfirmation)
    const headers = { 'idempotency-key': 'once' }
    const answers = await Promise.all([1, 2, 3].map(() => decide(id, 'confirm_deletes', headers)))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 201])
    assert.equal(new Set(answers.map(({ body }) => body.id)).size, 1)
  })

  test('keep a decision in the audit log, and take it from those who may start runs', async () => {
    const id = await stopped(needsConfirmation)
    const analyst = await api.as('analyst')
    refused(await analyst('POST', `${base}/syncs/${id}/decision`, { choice: 'resync' }), 403, 'forbidden')
    const run = await decide(id, 'confirm_deletes')
    const entry = await store.db
      .selectFrom('audit')
      .select(['action', 'before', 'after'])
      .where('object', '=', `sync:${id}`)
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirstOrThrow()
    assert.deepEqual(entry, {
      action: 'sync.decide',
      before: { state: 'needs_attention', reason: needsConfirmation },
      after: { choice: 'confirm_deletes', runId: run.body.id, created: true },
    })
  })

  test('are the only ones with decisions and resyncs', async () => {
    const { id } = await made({ mode: 'append', insertTimeColumn: 'inserted_at' })
    refused(await decide(id, 'resync'), 409, 'nothing_to_decide')
    refused(await api.owner('PATCH', `${base}/syncs/${id}`, { resync: true }), 422, 'resync_not_supported')
    refused(await decide('01900000-0000-7000-8000-000000000000', 'resync'), 404, 'not_found')
  })

  test('change their mapping only together with a resync, which starts no run', async () => {
    const { id } = await made()
    const url = `${base}/syncs/${id}`
    const mapping = { ...eventsMapping, leaveOut: ['miles'] }
    refused(await api.owner('PATCH', url, { mapping }), 409, 'mapping_change_needs_resync')
    assert.equal((await api.owner<Sync>('PATCH', url, { state: 'paused' })).status, 200)
    const { body } = await api.owner<Sync>('PATCH', url, { mapping, resync: true })
    assert.deepEqual([body.mappingVersion, body.generation, body.state], [2, 2, 'paused'])
    const runs = await api.owner<{ items: unknown[] }>('GET', `${url}/runs`)
    assert.deepEqual(runs.body.items, [])
  })

  test('warn when the snapshot of their last run is about to expire', async () => {
    const { id, warnings, snapshotExpiresAt } = await made()
    assert.deepEqual([warnings, snapshotExpiresAt], [[], null])
    const expiresIn = async (ms: number) => {
      const cursor = jsonText({ hi: null, pin: { expiresAt: noon + ms } })
      await store.db.updateTable('syncs').set({ cursor }).where('id', '=', id).execute()
      const sync = await read(id)
      assert.equal(sync.snapshotExpiresAt, new Date(noon + ms).toISOString())
      return sync.warnings.map(({ code }) => code)
    }
    assert.deepEqual(await expiresIn(7 * dayMs), [])
    assert.deepEqual(await expiresIn(6 * dayMs), ['snapshot_expires_soon'])
    assert.deepEqual(await expiresIn(-1), ['snapshot_expired'])
  })

  test('tell what their next run will be charged for, before the first one and from then on', async () => {
    const { id } = await made()
    const estimate = async () => (await api.owner('GET', `${base}/syncs/${id}/estimate`)).body
    assert.deepEqual(await estimate(), { bytes: 4096 })
    const cursor = { hi: null, pin: { snapshot: 's' } }
    await store.db
      .updateTable('syncs')
      .set({ cursor: jsonText(cursor) })
      .where('id', '=', id)
      .execute()
    await estimate()
    const table = { schema: 'public', name: 'flights' }
    const preview = { table, mapping: eventsMapping, mode: 'mirror' }
    const { body } = await api.owner('POST', `${base}/sources/${sourceId}/preview`, preview)
    assert.deepEqual(body.estimate, { bytes: 4096 })
    assert.deepEqual(
      api.warehouses.estimated.slice(-3).map((asked) => [asked.mode, asked.cursor]),
      [
        ['mirror', null],
        ['mirror', cursor],
        ['mirror', null],
      ],
    )
  })
})
