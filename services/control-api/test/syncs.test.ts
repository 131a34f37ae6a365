import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { refused } from './refused.ts'
import { eventsMapping, sampleProject, syncBody } from './sample-bodies.ts'
import { startTestApi, type TestApi } from './test-api.ts'

type Sync = {
  id: string
  importId: string
  state: string
  mappingVersion: number
  triggerUrl: string
  mapping: unknown
}

describe('syncs', () => {
  let store: TestStore
  let api: TestApi
  let base: string
  let sourceId: string

  before(async () => {
    store = await startTestStore()
    api = await startTestApi(store.db)
    const sample = await sampleProject(api.owner, 'syncs')
    base = sample.base
    sourceId = sample.sourceId
  })
  after(async () => {
    await api?.close()
    await store?.close()
  })

  const create = (change: Record<string, unknown>) =>
    api.owner<Sync>('POST', `${base}/syncs`, syncBody(sourceId, change))

  test('to a column that is not there are a 422 that says where and what was meant', async () => {
    const mapping = { ...eventsMapping, userId: 'tails', rename: { mile: 'Miles' } }
    const { errors } = refused(
      await create({ name: 'x', mapping, insertTimeColumn: 'inserted' }),
      422,
      'mapping_invalid',
    )
    assert.deepEqual(
      errors?.map(({ path, code, hint }) => [path, code, hint]),
      [
        ['mapping.userId', 'column_missing', 'Did you mean "tail"?'],
        ['mapping.rename.mile', 'column_missing', 'Did you mean "miles"?'],
        ['insertTimeColumn', 'column_missing', 'Columns that fit: "flew_at", "inserted_at".'],
      ],
    )
  })

  test('that the support matrix refuses are a 422 that names the rule', async () => {
    const { errors } = refused(await create({ name: 'x', mode: 'mirror' }), 422, 'combination_not_supported')
    assert.equal(errors?.[0]?.code, 'only_append_has_insert_time')
    const bare = refused(await create({ name: 'x', insertTimeColumn: null }), 422, 'combination_not_supported')
    assert.equal(bare.errors?.[0]?.code, 'append_needs_insert_time')
    const full = refused(
      await create({ name: 'x', mode: 'full', insertTimeColumn: null }),
      422,
      'combination_not_supported',
    )
    assert.equal(full.errors?.[0]?.code, 'events_have_no_full')
  })

  test('of a table that is not there, a schedule that is none or another type of mapping are 422s', async () => {
    refused(await create({ name: 'x', table: { schema: 'public', name: 'nope' } }), 422, 'table_not_found')
    const schedule = { kind: 'daily', time: '25:00', zone: 'Mars/Olympus' }
    const { errors } = refused(await create({ name: 'x', schedule }), 422, 'schedule_invalid')
    assert.deepEqual(
      errors?.map(({ path }) => path),
      ['schedule.time', 'schedule.zone'],
    )
    const lookup = { tableType: 'lookup_table', lookupTableId: 'l', id: 'tail' }
    refused(await create({ name: 'x', mapping: lookup }), 422, 'mapping_invalid')
  })

  test('of another project’s source do not come to be', async () => {
    const other = await sampleProject(api.owner, 'another')
    refused(await create({ name: 'x', sourceId: other.sourceId }), 404, 'not_found')
  })

  test('keep their versions of the mapping, pause and resume', async () => {
    const { body: sync, status } = await create({
      name: 'versions',
      schedule: { kind: 'daily', time: '06:30', zone: 'Europe/Berlin' },
    })
    assert.equal(status, 201)
    assert.equal(sync.triggerUrl, `http://api.test${base}/syncs/${sync.id}/trigger`)
    assert.match(sync.importId, /^[0-9a-f-]{36}$/)
    const url = `${base}/syncs/${sync.id}`
    const next = await api.owner<Sync>('PATCH', url, { mapping: { ...eventsMapping, leaveOut: ['miles'] } })
    assert.deepEqual([next.body.mappingVersion, next.body.importId], [2, sync.importId])
    const paused = await api.owner<Sync>('PATCH', url, { state: 'paused' })
    assert.deepEqual([paused.body.state, paused.body.mappingVersion], ['paused', 2])
    refused(await api.owner('POST', `${url}/runs`), 409, 'sync_not_active')
    assert.equal((await api.owner<Sync>('PATCH', url, { state: 'active' })).body.state, 'active')
    refused(await api.owner('PATCH', url, { mapping: { ...eventsMapping, time: 'nope' } }), 422, 'mapping_invalid')
    refused(await api.owner('PATCH', url, { mode: 'full' }), 400, 'request_invalid')
  })

  test('that are deleted take their open run with them and are gone', async () => {
    const { body: sync } = await create({ name: 'short-lived' })
    const run = await api.owner<{ id: string }>('POST', `${base}/syncs/${sync.id}/runs`)
    assert.equal((await api.owner('DELETE', `${base}/syncs/${sync.id}`)).status, 204)
    refused(await api.owner('GET', `${base}/syncs/${sync.id}`), 404, 'not_found')
    const after = await api.owner<{ state: string }>('GET', `${base}/runs/${run.body.id}`)
    assert.equal(after.body.state, 'cancelled')
    assert.equal((await create({ name: 'short-lived' })).status, 201, 'the name is free again')
  })
})
