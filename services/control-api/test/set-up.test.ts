import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { refused } from './refused.ts'
import { projectBody, sourceBody } from './sample-bodies.ts'
import { startTestApi, type TestApi } from './test-api.ts'

type Statement = { language: string; text: string }
type Step = { id: string; check: string | null; statements: Statement[] }
type SetUp = { steps: Step[]; externalId: string | null }
type TestAnswer = { ok: boolean; checks: { step: string; setUpStep?: string; setUp?: Step }[] }

describe('the set-up assistant', () => {
  let store: TestStore
  let api: TestApi
  let base: string

  before(async () => {
    store = await startTestStore()
    api = await startTestApi(store.db, { awsPrincipalArn: 'arn:aws:iam::999999999999:user/millrace' })
    const made = await api.owner<{ id: string }>('POST', '/v1/projects', projectBody('set-up'))
    base = `/v1/projects/${made.body.id}/sources`
  })
  after(async () => {
    await api?.close()
    await store?.close()
  })

  const setUp = (warehouse: string, options: object) =>
    api.owner<SetUp>('POST', `${base}/set-up`, { warehouse, options })
  const sqlOf = ({ steps }: SetUp) => steps.flatMap(({ statements }) => statements.map(({ text }) => text)).join('\n')

  test('shows SQL for Postgres with the names asked for, quoted', async () => {
    const { status, body } = await setUp('postgres', { user: 'r"; DROP TABLE t; --', schema: 'My Schema' })
    assert.equal(status, 200)
    assert.deepEqual(
      body.steps.map(({ id }) => id),
      ['role', 'read-schema', 'new-tables'],
    )
    assert.match(sqlOf(body), /GRANT USAGE ON SCHEMA "My Schema" TO "r""; DROP TABLE t; --"/)
    assert.equal(body.externalId, null)
  })

  test('shows the guide’s statements for BigQuery in its order', async () => {
    const names = {
      projectId: 'my-project-1',
      serviceAccount: 'm@my-project-1.iam.gserviceaccount.com',
      dataset: 'shop',
      location: 'EU',
    }
    const { body } = await setUp('bigquery', names)
    assert.match(sqlOf(body), /CREATE SCHEMA[\s\S]*'EU'[\s\S]*jobUser[\s\S]*dataViewer[\s\S]*dataOwner/)
    for (const [field, value] of [
      ['projectId', 'a; rm -rf /'],
      ['dataset', 'a`b'],
      ['location', "EU'"],
      ['serviceAccount', 'a"@b'],
    ] as const) {
      const problem = refused(await setUp('bigquery', { ...names, [field]: value }), 422, 'options_invalid')
      assert.deepEqual(
        problem.errors?.map(({ path }) => path),
        [`options.${field}`],
      )
    }
  })

  test('puts the project’s external id and Millrace’s own ARN into the trust of a Redshift role', async () => {
    const names = {
      awsAccountId: '123456789012',
      region: 'eu-central-1',
      clusterId: 'shop',
      database: 'shop',
      roleName: 'millrace',
      stagingBucket: 'shop-millrace',
    }
    const { body } = await setUp('redshift', names)
    assert.ok(body.externalId)
    const trust = body.steps.find(({ id }) => id === 'role')?.statements.find(({ language }) => language === 'json')
    const [statement] = JSON.parse(trust?.text ?? '').Statement
    assert.deepEqual(statement.Condition.StringEquals, { 'sts:ExternalId': body.externalId })
    assert.deepEqual(statement.Principal, { AWS: 'arn:aws:iam::999999999999:user/millrace' })
    const other = await api.owner<{ id: string }>('POST', '/v1/projects', projectBody('other'))
    const theirs = await api.owner<SetUp>('POST', `/v1/projects/${other.body.id}/sources/set-up`, {
      warehouse: 'redshift',
      options: names,
    })
    assert.notEqual(theirs.body.externalId, body.externalId)
  })

  test('knows no other kind of warehouse, and no project of others', async () => {
    refused(await setUp('oracle', {}), 400, 'request_invalid')
    const stranger = await api.as(
      'owner',
      (await api.owner<{ id: string }>('POST', '/v1/projects', projectBody('theirs'))).body.id,
    )
    refused(await stranger('POST', `${base}/set-up`, { warehouse: 'postgres', options: {} }), 404, 'not_found')
  })

  test('is where a failed check of a connection points to, with the statements that are missing', async () => {
    const check = { step: 'Read "air"."flights"', ok: false, setUpStep: 'read-schema', code: 'permission_denied' }
    const failing = await startTestApi(store.db, {
      openWarehouse: (request) => ({ ...api.warehouses.open(request), testConnection: async () => [check] }),
    })
    const { body } = await failing.owner<TestAnswer>('POST', `${base}/test`, {
      ...sourceBody(),
      table: { schema: 'air', name: 'flights' },
    })
    await failing.close()
    const [told] = body.checks
    assert.deepEqual([body.ok, told?.setUpStep, told?.setUp?.id], [false, 'read-schema', 'read-schema'])
    assert.deepEqual(
      told?.setUp?.statements.map(({ text }) => text),
      ['GRANT USAGE ON SCHEMA "air" TO "reader"', 'GRANT SELECT ON ALL TABLES IN SCHEMA "air" TO "reader"'],
    )
  })
})
