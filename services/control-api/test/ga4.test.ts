import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { flattenGa4 } from '@millrace/warehouses/bigquery/ga4-flatten.ts'
import { typeRules } from '@millrace/warehouses/bigquery/types.ts'
import { refused } from './refused.ts'
import { projectBody } from './sample-bodies.ts'
import { canaries, startTestApi, type TestApi } from './test-api.ts'

const table = { schema: 'analytics_123456', name: 'events_*' }
const { columns } = flattenGa4([
  { name: 'event_timestamp', type: 'INTEGER' },
  { name: 'event_name', type: 'STRING' },
  { name: 'event_params', type: 'RECORD', mode: 'REPEATED', fields: [] },
  { name: 'user_id', type: 'STRING' },
  { name: 'user_pseudo_id', type: 'STRING' },
])

type Suggestion = { mode: string; insertTimeColumn: string; schedule: { kind: string } }

describe('a Google Analytics 4 export', () => {
  let store: TestStore
  let api: TestApi
  let base: string
  let sourceId: string
  let suggestion: Suggestion

  before(async () => {
    store = await startTestStore()
    const sample = await startTestApi(store.db)
    await sample.close()
    api = await startTestApi(store.db, {
      openWarehouse: (request) => ({
        ...sample.warehouses.open(request),
        describeTable: async ({ schema, name }) => ({
          table: `${schema}.${name}`,
          key: [],
          kind: 'table',
          columns: columns.map(({ rule, ...column }) => ({ ...column, type: typeRules[rule].column })),
        }),
      }),
    })
    const made = await api.owner<{ id: string }>('POST', '/v1/projects', projectBody('ga4'))
    base = `/v1/projects/${made.body.id}`
    const source = await api.owner<{ id: string }>('POST', `${base}/sources`, {
      name: 'ga4',
      warehouse: 'bigquery',
      options: { projectId: 'my-project-1', stagingDataset: 'millrace' },
      secrets: { serviceAccountKey: canaries.password },
    })
    sourceId = source.body.id
  })
  after(async () => {
    await api?.close()
    await store?.close()
  })

  const describeTable = (name: string) =>
    api.owner<{ suggestion: Suggestion | null }>(
      'GET',
      `${base}/sources/${sourceId}/schemas/${table.schema}/tables/${encodeURIComponent(name)}`,
    )
  const create = (change: object) =>
    api.owner('POST', `${base}/syncs`, { name: 'ga4', sourceId, table, ...suggestion, ...change })

  test('comes with a sync to begin with, and other tables do not', async () => {
    const { body } = await describeTable(table.name)
    assert.ok(body.suggestion)
    suggestion = body.suggestion
    assert.deepEqual(
      [suggestion.mode, suggestion.insertTimeColumn, suggestion.schedule.kind],
      ['append', 'event_date', 'daily'],
    )
    assert.equal((await describeTable('users')).body.suggestion, null)
    assert.equal((await create({})).status, 201)
  })

  test('is read once a day or once, and not mirrored', async () => {
    const ruleOf = async (change: object) =>
      refused(await create({ name: 'other', ...change }), 422, 'combination_not_supported').errors?.[0]?.code
    assert.equal(await ruleOf({ schedule: { kind: 'hourly' } }), 'ga4_is_daily')
    assert.equal(await ruleOf({ mode: 'mirror', insertTimeColumn: null }), 'ga4_has_no_mirror')
    const once = { mode: 'one_time', insertTimeColumn: null, schedule: { kind: 'api' } }
    assert.equal((await create({ name: 'once', ...once })).status, 201)
  })
})
