import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { BigQuery, type Job } from '@google-cloud/bigquery'
import { type BigQueryServer, startBigQueryServer } from '@millrace/testkit/bigquery/bigquery-server.ts'
import { JWT } from 'google-auth-library'
import { field } from './bigquery-source.ts'

/** The official SDK as it comes; only where tokens are asked for is turned to the stand-in. */
function openSdk(server: BigQueryServer, privateKey?: string): BigQuery {
  const key = JSON.parse(server.serviceAccount.keyFile)
  const scopes = ['https://www.googleapis.com/auth/bigquery']
  const authClient = new JWT({ email: key.client_email, key: privateKey ?? key.private_key, scopes })
  authClient.transporter.interceptors.request.add({
    resolved: async (request) => Object.assign(request, { url: new URL(`${server.endpoint}/token`) }),
  })
  return new BigQuery({ projectId: server.projectId, apiEndpoint: server.endpoint, authClient })
}

describe('the stand-in for BigQuery, as the official SDK sees it', () => {
  let server: BigQueryServer
  let sdk: BigQuery
  before(async () => {
    server = await startBigQueryServer()
    sdk = openSdk(server)
    server.createDataset('shop')
    server.grants.owner.add('shop')
    await server.createTable('shop', 't', [
      field('id', 'INTEGER'),
      field('at', 'TIMESTAMP'),
      field('n', 'NUMERIC'),
      field('tags', 'STRING', { mode: 'REPEATED' }),
      field('r', 'RECORD', { fields: [field('x', 'INTEGER')] }),
      field('b', 'BYTES'),
      field('dt', 'DATETIME'),
      field('nothing', 'STRING'),
    ])
    await server.change(
      'shop',
      't',
      `INSERT INTO $table SELECT i, TIMESTAMPTZ '2024-01-01 00:00:00.5+00', 1.50, ['a', 'b'], {x: i}, 'ab'::BLOB, TIMESTAMP '2024-01-02 03:04:05', NULL FROM range(2500) t(i)`,
    )
  })
  after(() => server.close())

  test('values arrive with their types', async () => {
    const [rows] = await sdk.query('SELECT * FROM shop.t WHERE id = 7')
    const { id, at, n, tags, r, b, dt, nothing } = rows[0]
    assert.deepEqual(
      [id, at.value, String(n), tags, r, b, dt.value, nothing],
      [7, '2024-01-01T00:00:00.500Z', '1.5', ['a', 'b'], { x: 7 }, Buffer.from('ab'), '2024-01-02T03:04:05', null],
    )
  })

  test('rows of a table come in pages, and an expired page token is refused', async () => {
    const table = sdk.dataset('shop').table('t')
    const [first, next] = (await table.getRows({ maxResults: 1000, autoPaginate: false })) as unknown as [
      unknown[],
      object,
    ]
    assert.equal(first.length, 1000)
    const [all] = await table.getRows()
    assert.equal(all.length, 2500)
    server.expirePageTokens()
    await assert.rejects(table.getRows({ ...next, autoPaginate: false }), { code: 400 })
  })

  test('a job goes through its states, and its id cannot be used again', async () => {
    const query = 'SELECT COUNT(*) AS n FROM shop.t'
    const gate = Promise.withResolvers<void>()
    server.jobs.held = { id: /^mine$/, until: gate.promise }
    const [job] = (await sdk.createQueryJob({ query, jobId: 'mine' })) as [Job, unknown]
    const states = new Set<string>([job.metadata.status.state])
    while (!states.has('RUNNING')) states.add((await job.getMetadata())[0].status.state)
    gate.resolve()
    assert.deepEqual((await job.getQueryResults())[0], [{ n: 2500 }])
    assert.equal((await job.getMetadata())[0].status.state, 'DONE')
    await assert.rejects(sdk.createQueryJob({ query, jobId: 'mine' }), { code: 409 })
  })

  test('a dry run tells bytes and runs nothing', async () => {
    const before = server.jobs.byId.size
    const [job] = await sdk.createQueryJob({ query: 'SELECT * FROM shop.t', dryRun: true })
    assert.ok(Number(job.metadata.statistics.totalBytesProcessed) > 0)
    assert.equal(server.jobs.byId.size, before)
  })

  test('a table is read as it was, and not as it will be or was too long ago', async () => {
    await server.createTable('shop', 'past', [field('v', 'INTEGER')])
    await server.change('shop', 'past', 'INSERT INTO $table VALUES (1)')
    const [rows] = await sdk.query('SELECT CURRENT_TIMESTAMP() AS now')
    const moment = rows[0].now.value.replace('T', ' ').replace('Z', '').padEnd(26, '0')
    await server.change('shop', 'past', 'UPDATE $table SET v = 2')
    const asOf = (time: string) => sdk.query(`SELECT v FROM shop.past FOR SYSTEM_TIME AS OF TIMESTAMP '${time}+00'`)
    assert.deepEqual((await asOf(moment))[0], [{ v: 1 }])
    assert.deepEqual((await sdk.query('SELECT v FROM shop.past'))[0], [{ v: 2 }])
    await assert.rejects(asOf('2999-01-01 00:00:00.000000'), /future/)
    await assert.rejects(asOf('2020-01-01 00:00:00.000000'), /time travel window/)
  })

  test('refusals carry status, reason and message as BigQuery’s', async () => {
    await assert.rejects(sdk.query('SELECT 1 FROM shop.gone'), { code: 404 })
    await assert.rejects(sdk.query('SELECT nothing_such FROM shop.t'), { code: 400 })
    server.createDataset('closed')
    await server.createTable('closed', 't', [field('a', 'INTEGER')])
    await assert.rejects(
      sdk.query('SELECT * FROM closed.t'),
      (error: { code: number; errors: { reason: string }[] }) => {
        assert.deepEqual([error.code, error.errors[0]?.reason], [403, 'accessDenied'])
        return true
      },
    )
  })

  test('a token is given for a good signature only', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const other = openSdk(server, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string)
    await assert.rejects(other.query('SELECT 1'), /Invalid JWT Signature/)
  })
})
