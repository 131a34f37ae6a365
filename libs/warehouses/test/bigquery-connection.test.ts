import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, afterEach, before, describe, test } from 'node:test'
import { openBigQuery } from '@millrace/warehouses/bigquery/open-bigquery.ts'
import { bigQueryOptions } from '@millrace/warehouses/bigquery/options.ts'
import type { ConnectionCheck, Warehouse } from '@millrace/warehouses/warehouse.ts'
import {
  type BigQuerySource,
  field,
  openSource,
  requestFor,
  shopTable,
  signal,
  stagingDataset,
  startSource,
} from './bigquery-source.ts'

const failed = (checks: readonly ConnectionCheck[]) => checks.filter(({ ok }) => !ok)

describe('connecting to BigQuery', () => {
  let source: BigQuerySource
  const opened: Warehouse[] = []
  before(async () => {
    source = await startSource()
    await source.server.createTable('shop', 'visits', [field('id', 'INTEGER')])
  })
  after(() => source.stop())
  afterEach(async () => {
    const { grants, faults } = source.server
    grants.jobUser = true
    grants.viewer.add('shop')
    grants.owner.add(stagingDataset)
    faults.length = 0
    await Promise.all(opened.splice(0).map((each) => each.close()))
  })

  const open = (keyFile?: string) => {
    const warehouse = openSource(source.server, keyFile)
    opened.push(warehouse)
    return warehouse
  }

  test('with all grants every step holds', async () => {
    const checks = await open().testConnection(signal, shopTable('visits'))
    assert.deepEqual(failed(checks), [])
    assert.deepEqual(
      checks.map(({ step }) => step),
      [
        'Sign in',
        'Can run jobs',
        'Can write staging dataset millrace',
        'See datasets',
        'Can read dataset shop: "shop.visits"',
      ],
    )
  })

  test('without the staging dataset its own step is missing', async () => {
    source.server.storage.datasets.delete(stagingDataset)
    const checks = await open().testConnection(signal)
    source.server.createDataset(stagingDataset)
    assert.deepEqual(
      failed(checks).map(({ setUpStep, code }) => [setUpStep, code]),
      [['staging-dataset', 'table_not_found']],
    )
  })

  const missing: readonly (readonly [string, () => void, string, string, string])[] = [
    [
      'jobUser',
      () => {
        source.server.grants.jobUser = false
      },
      'Can run jobs',
      'run-jobs',
      'Run: gcloud projects add-iam-policy-binding test-project-1 --member serviceAccount:EMAIL --role roles/bigquery.jobUser',
    ],
    [
      'dataOwner on the staging dataset',
      () => {
        source.server.grants.owner.delete(stagingDataset)
        source.server.grants.viewer.add(stagingDataset)
      },
      'Can write staging dataset millrace',
      'write-staging',
      'Run: GRANT `roles/bigquery.dataOwner`\nON SCHEMA `test-project-1`.`millrace`\nTO "serviceAccount:EMAIL"',
    ],
  ]
  for (const [grant, take, step, setUpStep, hint] of missing) {
    test(`without ${grant} the step fails and names the statement that grants it`, async () => {
      take()
      const problems = failed(await open().testConnection(signal))
      const [problem] = problems
      assert.equal(problems.length, 1)
      assert.deepEqual([problem?.step, problem?.setUpStep, problem?.code], [step, setUpStep, 'permission_denied'])
      assert.equal(problem?.hint, hint.replace('EMAIL', source.server.serviceAccount.email))
    })
  }

  test('without dataViewer on the dataset reading it fails and names the grant', async () => {
    source.server.grants.viewer.delete('shop')
    source.server.grants.viewer.add('other')
    source.server.createDataset('other')
    const [problem] = failed(await open().testConnection(signal, shopTable('visits')))
    assert.deepEqual([problem?.step, problem?.setUpStep], ['Can read dataset shop: "shop.visits"', 'read-dataset'])
    assert.match(problem?.hint ?? '', /dataViewer`\nON SCHEMA `test-project-1`\.`shop`/)
    await assert.rejects(open().plan(requestFor('visits'), signal), { code: 'permission_denied' })
  })

  test('warns that an unpartitioned table costs a scan a run, and that ingestion time is nothing for append', async () => {
    await source.server.createTable('shop', 'by_ingestion', [field('id', 'INTEGER')], {
      timePartitioning: { type: 'DAY' },
    })
    const last = async (name: string) => (await open().testConnection(signal, shopTable(name))).at(-1)
    for (const [name, code] of [
      ['visits', 'not_partitioned'],
      ['by_ingestion', 'partitioned_by_ingestion_time'],
    ] as const) {
      const check = await last(name)
      assert.deepEqual([check?.ok, check?.code], [true, code])
      assert.ok(check?.message && check.hint)
      const { warnings } = await open().describeTable(shopTable(name), signal)
      assert.deepEqual(
        warnings?.map((warning) => warning.code),
        [code],
      )
    }
    source.server.storage.drop('shop', 'by_ingestion')
  })

  test('a key that Google does not know is told apart from a missing grant', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const key = JSON.parse(source.server.serviceAccount.keyFile)
    const wrong = { ...key, private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) }
    const [problem] = failed(await open(JSON.stringify(wrong)).testConnection(signal))
    assert.deepEqual([problem?.step, problem?.setUpStep], ['Sign in', 'service-account'])
    assert.equal(problem?.code, 'authentication_failed')
    assert.doesNotMatch(JSON.stringify(problem), /PRIVATE KEY/)
  })

  test('names that do not exist are told', async () => {
    await assert.rejects(open().describeTable(shopTable('gone'), signal), { code: 'table_not_found' })
    await assert.rejects(open().listTables('nowhere', signal), { code: 'table_not_found' })
    await assert.rejects(open().describeTable(shopTable('a`b'), signal), { code: 'name_invalid' })
    await assert.rejects(open().listTables('a/../b', signal), { code: 'name_invalid' })
  })

  test('a service that is busy is tried again', async () => {
    source.server.faults.push({ path: /\/tables$/, status: 503, reason: 'backendError', times: 1 })
    assert.deepEqual(
      (await open().listTables('shop', signal)).map(({ name }) => name),
      ['visits'],
    )
  })

  for (const reason of ['quotaExceeded', 'rateLimitExceeded']) {
    test(`${reason} is no missing permission, and the task is tried again later`, async () => {
      source.server.faults.push({ path: /\/tables$/, status: 403, reason, times: 1 })
      await assert.rejects(open().listTables('shop', signal), { code: 'server_unavailable' })
    })
  }

  test('long lists come in pages, and a page token that has expired is an error, not a shorter list', async () => {
    const { server } = source
    for (let i = 0; i < 1100; i++) {
      server.createDataset(`many_${i}`)
      server.grants.viewer.add(`many_${i}`)
    }
    const warehouse = open()
    assert.equal((await warehouse.listSchemas(signal)).filter((name) => name.startsWith('many_')).length, 1100)
    server.expirePageTokens({ later: true })
    await assert.rejects(warehouse.listSchemas(signal), { code: 'query_failed' })
    server.expirePageTokens()
  })

  test('a private address is refused unless the operator allows it', async () => {
    const { keyFile } = source.server.serviceAccount
    const warehouse = openBigQuery({
      kind: 'bigquery',
      options: { projectId: source.server.projectId, stagingDataset },
      secrets: { serviceAccountKey: keyFile },
      net: { allowedCidrs: [], bigQueryEndpoint: source.server.endpoint },
      applicationName: 'test',
    })
    opened.push(warehouse)
    await assert.rejects(warehouse.listSchemas(signal), { code: 'host_not_allowed' })
  })
})

describe('options of BigQuery', () => {
  const good = { projectId: 'my-project-123', location: 'europe-west1', stagingDataset: 'millrace' }
  const problems = (options: unknown) =>
    bigQueryOptions.problems(options, ['serviceAccountKey']).map(({ path }) => path)

  test('the set is closed', () => {
    assert.deepEqual(problems(good), [])
    assert.deepEqual(problems({ ...good, apiEndpoint: 'https://evil.example' }), ['/apiEndpoint'])
    assert.deepEqual(problems({ ...good, keyFilename: '/etc/passwd' }), ['/keyFilename'])
    assert.deepEqual(problems(null), [''])
    assert.deepEqual(
      bigQueryOptions.problems(good, ['password']).map(({ path }) => path),
      ['/secrets/serviceAccountKey', '/secrets/password'],
    )
  })

  const hostile = [
    'evil.example/',
    'a?b=cccc',
    'a#bccccc',
    'my-project/../x',
    'my-project@evil',
    'my-project.evil',
    'MY-PROJECT',
    'my project',
    'my-project\n',
    'ab',
    'p'.repeat(31),
    '%2e%2e%2f',
    "a'b--ccc",
    '`abcdefg',
  ]
  for (const projectId of hostile) {
    test(`no project is called ${JSON.stringify(projectId)}`, () => {
      assert.deepEqual(problems({ ...good, projectId }), ['/projectId'])
      assert.deepEqual(problems({ ...good, stagingDataset: `${projectId}/` }), ['/stagingDataset'])
    })
  }

  test('a key file may not lead anywhere else, nor hold more than such files do', () => {
    const key = {
      type: 'service_account',
      client_email: 'a@b.iam.gserviceaccount.com',
      private_key: '-----BEGIN PRIVATE KEY-----\nx',
    }
    const openWith = (more: object) =>
      openBigQuery({
        kind: 'bigquery',
        options: good,
        secrets: { serviceAccountKey: JSON.stringify({ ...key, ...more }) },
        net: { allowedCidrs: [] },
        applicationName: 'test',
      })
    openWith({})
    for (const more of [
      { token_uri: 'https://evil.example/token' },
      { type: 'external_account' },
      { credential_source: { executable: { command: 'id' } } },
      { universe_domain: 'evil.example' },
      { client_email: 'no mail' },
    ])
      assert.throws(() => openWith(more), { code: 'options_invalid' })
  })
})
