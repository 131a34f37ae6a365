import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type PostgresServer, startPostgres } from '@millrace/local-stack/servers/postgres.ts'
import { createTestCa, type TestCa } from '@millrace/local-stack/servers/test-ca.ts'
import { type Bastion, startBastion } from '@millrace/testkit/bastion.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { openWarehouse } from '@millrace/warehouses/open-warehouse.ts'
import pg from 'pg'
import { eventsMapping, projectBody, syncBody } from './sample-bodies.ts'
import { startTestApi, type TestApi } from './test-api.ts'

const password = 'canary-reader-password'

const setUp = `
  create table flights (flew_at timestamptz, tail text, inserted_at timestamptz not null default now(), miles bigint, extra jsonb);
  insert into flights (flew_at, tail, miles, extra) values
    ('2024-01-01 12:00:00.123456+00', 'N1', 120, '{"gate": "A1"}'),
    (null, 'N2', 340, null),
    ('2024-01-01 13:00:00+00', null, 9007199254740993, null);
  create table hidden (id int primary key);
  create role reader login password '${password}';
  alter role reader set default_transaction_read_only = on;
  grant usage on schema public to reader;
  grant select on flights to reader;
`

describe('sources in a real Postgres that speaks TLS', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-source-'))
  let store: TestStore
  let server: PostgresServer
  let ca: TestCa
  let bastion: Bastion
  let api: TestApi
  let base: string

  before(async () => {
    ca = await createTestCa()
    const tls = await ca.issue(['localhost', '127.0.0.1'])
    ;[store, server, bastion] = await Promise.all([
      startTestStore(),
      startPostgres({ dir, tls, shortLived: true }),
      startBastion(),
    ])
    const admin = new pg.Client({ connectionString: server.url })
    await admin.connect()
    await admin.query(setUp)
    await admin.end()
    api = await startTestApi(store.db, { openWarehouse })
    const { body } = await api.owner<{ id: string }>('POST', '/v1/projects', projectBody())
    base = `/v1/projects/${body.id}`
  })
  after(async () => {
    await api?.close()
    await Promise.all([server?.stop(), store?.close(), bastion?.close()])
    rmSync(dir, { recursive: true, force: true })
  })

  const source = (name: string, options: object = {}, secrets: object = {}) => ({
    name,
    warehouse: 'postgres',
    options: {
      host: 'localhost',
      port: server.port,
      database: 'postgres',
      user: 'reader',
      sslMode: 'verify-full',
      caCertificate: ca.certificate,
      ...options,
    },
    secrets: { password, ...secrets },
  })

  test('wrong password, host, authority, database and a server without TLS are each a 422 of its own, and nothing is stored', async () => {
    const stranger = await createTestCa()
    const storePort = { port: store.server.port }
    const cases: Record<string, ReturnType<typeof source>> = {
      password: source('x', {}, { password: 'canary-wrong' }),
      host: source('x', { host: 'no-such-host.invalid' }),
      authority: source('x', { caCertificate: stranger.certificate }),
      database: source('x', { database: 'nowhere' }),
      plain: source('x', storePort),
    }
    const codes = new Map<string, string>()
    for (const [name, body] of Object.entries(cases)) {
      const answer = await api.owner<{ code: string; errors: { code: string; hint: string }[] }>(
        'POST',
        `${base}/sources`,
        body,
      )
      assert.equal(answer.status, 422, `${name}: ${answer.text}`)
      assert.equal(answer.body.code, 'connection_failed')
      assert.ok(answer.body.errors[0]!.hint.length > 0)
      codes.set(name, answer.body.errors[0]!.code)
    }
    assert.equal(new Set(codes.values()).size, codes.size, JSON.stringify([...codes]))
    assert.deepEqual((await api.owner<{ items: unknown[] }>('GET', `${base}/sources`)).body.items, [])
  })

  test('a test of the connection tells a table that is not there from one that may not be read', async () => {
    const table = (name: string) => ({ table: { schema: 'public', name } })
    const { name: _, ...connection } = source('x')
    const made = await api.owner<{ id: string }>('POST', `${base}/sources`, source('tables'))
    const stored = `${base}/sources/${made.body.id}`
    const failing = async (url: string, body: object) => {
      type Test = { ok: boolean; checks: { ok: boolean; code?: string; hint?: string }[] }
      const { status, body: answer, text } = await api.owner<Test>('POST', url, body)
      assert.equal(status, 200, text)
      const failed = answer.checks.filter(({ ok }) => !ok)
      assert.equal(answer.ok, failed.length === 0)
      return failed.map(({ code, hint }) => (hint ? code : 'no hint'))
    }
    for (const [url, body] of [
      [`${base}/sources/test`, connection],
      [`${stored}/test`, {}],
    ] as const) {
      assert.deepEqual(await failing(url, { ...body, ...table('flights') }), [])
      assert.deepEqual(await failing(url, { ...body, ...table('nowhere') }), ['table_not_found'])
      assert.deepEqual(await failing(url, { ...body, ...table('hidden') }), ['permission_denied'])
    }
    assert.deepEqual(await failing(`${stored}/test`, {}), [])
    assert.equal((await api.owner('DELETE', stored)).status, 204)
  })

  test('from source to sync: catalogue with types, preview with rejects, and a sync whose columns are there', async () => {
    const made = await api.owner<{ id: string }>('POST', `${base}/sources`, source('air'))
    assert.equal(made.status, 201, made.text)
    const url = `${base}/sources/${made.body.id}`
    const schemas = await api.owner<{ items: { name: string }[] }>('GET', `${url}/schemas`)
    assert.ok(
      schemas.body.items.some(({ name }) => name === 'public'),
      schemas.text,
    )
    const tables = await api.owner<{ items: { name: string }[] }>('GET', `${url}/schemas/public/tables`)
    assert.ok(
      tables.body.items.some(({ name }) => name === 'flights'),
      tables.text,
    )
    const table = await api.owner<{ columns: { name: string; type: string }[] }>(
      'GET',
      `${url}/schemas/public/tables/flights`,
    )
    assert.deepEqual(
      table.body.columns.map(({ name, type }) => [name, type]),
      [
        ['flew_at', 'timestamp'],
        ['tail', 'string'],
        ['inserted_at', 'timestamp'],
        ['miles', 'integer'],
        ['extra', 'json'],
      ],
    )
    const mapping = { ...eventsMapping, jsonProperties: 'extra' }
    const preview = await api.owner<{
      rows: { flew_at: string | null; extra: unknown }[]
      updates: { row: number; body: { properties: Record<string, unknown> } }[]
      rejects: { row: number; code: string }[]
    }>('POST', `${url}/preview`, { table: { schema: 'public', name: 'flights' }, mapping })
    assert.equal(preview.status, 200, preview.text)
    assert.equal(preview.body.rows[0]!.flew_at, '2024-01-01T12:00:00.123456Z')
    assert.deepEqual(preview.body.rows[0]!.extra, { gate: 'A1' })
    assert.equal(preview.body.updates.find(({ row }) => row === 0)!.body.properties.gate, 'A1')
    assert.deepEqual(
      preview.body.rejects.map(({ row, code }) => [row, code]),
      [
        [1, 'time_missing'],
        [2, 'id_missing'],
      ],
    )
    const sync = await api.owner('POST', `${base}/syncs`, syncBody(made.body.id, { mapping }))
    assert.equal(sync.status, 201, sync.text)
  })

  test('a missing table and one that may not be read are different clear errors', async () => {
    const { body } = await api.owner<{ items: { id: string }[] }>('GET', `${base}/sources`)
    const sourceId = body.items[0]!.id
    const code = async (name: string) => {
      const table = { schema: 'public', name }
      const mapping = { tableType: 'lookup_table', lookupTableId: 'x', id: 'id' }
      const change = {
        name: `to ${name}`,
        table,
        mapping,
        tableType: 'lookup_table',
        mode: 'full',
        insertTimeColumn: null,
      }
      const answer = await api.owner<{ code: string; hint: string }>(
        'POST',
        `${base}/syncs`,
        syncBody(sourceId, change),
      )
      assert.equal(answer.status, 422, answer.text)
      assert.ok(answer.body.hint.length > 0)
      return answer.body.code
    }
    assert.deepEqual([await code('nope'), await code('hidden')], ['table_not_found', 'permission_denied'])
  })

  test('behind a bastion: its key is pinned by the first test, and shown', async () => {
    const sshTunnel = { host: '127.0.0.1', port: bastion.port, user: bastion.user }
    const secrets = { sshPrivateKey: bastion.privateKey }
    const made = await api.owner<{ options: { sshTunnel: { hostKey: string } } }>(
      'POST',
      `${base}/sources`,
      source('tunnelled', { sshTunnel }, secrets),
    )
    assert.equal(made.status, 201, made.text)
    assert.equal(made.body.options.sshTunnel.hostKey, bastion.hostKey)
    assert.ok(bastion.asked.includes(`localhost:${server.port}`), bastion.asked.join())
    const hostKey = `SHA256:${'A'.repeat(43)}`
    const other = source('other key', { sshTunnel: { ...sshTunnel, hostKey } }, secrets)
    const refused = await api.owner<{ errors: { code: string }[] }>('POST', `${base}/sources`, other)
    assert.equal(refused.body.errors[0]?.code, 'ssh_host_key_changed', refused.text)
  })

  test('say no password in any answer or log line', () => {
    for (const text of api.seen) assert.ok(!/canary|PRIVATE KEY/.test(text), text.slice(0, 300))
  })
})
