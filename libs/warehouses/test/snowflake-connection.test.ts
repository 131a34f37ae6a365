import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { makeLoginKey, publicKeyText, writeLoginKey } from '@millrace/warehouses/snowflake/key-pair.ts'
import type { ConnectionCheck, Warehouse } from '@millrace/warehouses/warehouse.ts'
import { CollectingSink } from './collecting-sink.ts'
import { requestFor, type SnowflakeSource, shopTable, signal, startSource } from './snowflake-source.ts'

let source: SnowflakeSource
before(async () => {
  source = await startSource()
  await source.server.createTable('PUBLIC.ORDERS', 'ID NUMBER(9,0) PRIMARY KEY, NOTE VARCHAR')
  await source.server.run("INSERT INTO PUBLIC.ORDERS VALUES (1, 'a'), (2, 'b'), (3, 'c')")
})
after(() => source.stop())
afterEach(() => {
  source.server.setPassword(source.server.password)
  source.server.setPublicKey(1, null)
  source.server.setPublicKey(2, null)
  source.server.warehouseState({ state: 'SUSPENDED', autoResume: true, exhaustedMonitor: null })
})

const keyPair = { authentication: 'key_pair' } as const
const [first, second] = await Promise.all([makeLoginKey('RSA_PUBLIC_KEY'), makeLoginKey('RSA_PUBLIC_KEY_2')])

async function failureOf(warehouse: Warehouse): Promise<ConnectionCheck> {
  const checks = await warehouse.testConnection(signal, shopTable('ORDERS'))
  const failed = checks.find(({ ok }) => !ok)
  assert.ok(failed, JSON.stringify(checks))
  return failed
}

test('a source that is set up passes every check, with a password and with a key', async () => {
  source.server.setPublicKey(1, publicKeyText(first))
  for (const warehouse of [source.open(), source.open(keyPair, { privateKey: writeLoginKey(first) })]) {
    const checks = await warehouse.testConnection(signal, shopTable('ORDERS'))
    assert.deepEqual(
      checks.map(({ ok, setUpStep }) => [ok, setUpStep]),
      [
        [true, 'user'],
        [true, 'role'],
        [true, 'warehouse'],
        [true, 'read'],
        [true, 'connector-schema'],
        [true, 'connector-schema'],
      ],
    )
  }
  assert.deepEqual(await source.staged(), [])
})

test('a wrong password, a wrong key and a key that nobody installed are told apart, and no secret is told', async () => {
  const wrong = await failureOf(source.open({}, { password: 'canary-wrong' }))
  assert.deepEqual([wrong.code, wrong.setUpStep], ['authentication_failed', 'user'])
  assert.match(wrong.message ?? '', /password/)
  const key = writeLoginKey(first)
  const refused = await failureOf(source.open(keyPair, { privateKey: key }))
  assert.equal(refused.code, 'authentication_failed')
  assert.match(refused.message ?? '', /does not accept the key of the user MILLRACE/)
  source.server.setPublicKey(1, publicKeyText(second))
  assert.equal((await failureOf(source.open(keyPair, { privateKey: key }))).message, refused.message)
  for (const text of ['canary-wrong', first.pem.slice(40, 80)])
    assert.ok(!JSON.stringify([wrong, refused]).includes(text))
})

test('a warehouse that is suspended and does not resume by itself is named, with what makes it work', async () => {
  source.server.warehouseState({ autoResume: false })
  const failed = await failureOf(source.open())
  assert.equal(failed.setUpStep, 'warehouse')
  assert.match(failed.message ?? '', /MILLRACE_WAREHOUSE/)
  assert.match(failed.hint ?? '', /ALTER WAREHOUSE MILLRACE_WAREHOUSE/)
})

test('a table that may not be read is told with the grant that is missing', async () => {
  await source.server.run('CREATE TABLE PUBLIC.HIDDEN (ID NUMBER)')
  const checks = await source.warehouse.testConnection(signal, shopTable('HIDDEN'))
  const failed = checks.find(({ ok }) => !ok)
  assert.equal(failed?.setUpStep, 'read')
  assert.match(failed?.hint ?? '', /GRANT SELECT ON TABLE "ANALYTICS"\."PUBLIC"\."HIDDEN" TO ROLE MILLRACE_ROLE;/)
})

test('while keys are rotated, a run goes on with whichever of the two keys lets in', async () => {
  const secrets = { privateKey: writeLoginKey(first), nextPrivateKey: writeLoginKey(second) }
  for (const installed of [[first], [first, second], [second]]) {
    source.server.setPublicKey(1, installed.includes(first) ? publicKeyText(first) : null)
    source.server.setPublicKey(2, installed.includes(second) ? publicKeyText(second) : null)
    const warehouse = source.open(keyPair, secrets)
    const { plan, pin } = await warehouse.plan(requestFor('ORDERS'), signal)
    const sink = new CollectingSink(plan.schema)
    await warehouse.readChunk(plan, plan.chunks[0] ?? {}, pin.shared, sink, signal)
    assert.equal(sink.rows.length, 3)
  }
})

test('a session whose tokens have expired is renewed without the run noticing', async () => {
  const { plan, pin } = await source.warehouse.plan(requestFor('ORDERS'), signal)
  source.server.expireSessions()
  assert.equal((await source.readPlan(plan, pin.shared)).length, 3)
})

test('an address that is not allowed is refused before anything is sent to it', async () => {
  const sent = source.server.requests.length
  const net = { allowedCidrs: [], snowflakeEndpoint: source.server.accessUrl }
  const failed = await failureOf(source.open({}, { password: 'x' }, { net }))
  assert.match(failed.code ?? '', /host_not_allowed|tls_required/)
  assert.equal(source.server.requests.length, sent)
})

test('what nobody listens on is told at once, not after minutes', async () => {
  const net = { allowedCidrs: ['127.0.0.0/8'], snowflakeEndpoint: 'http://127.0.0.1:1' }
  const started = Date.now()
  assert.equal((await failureOf(source.open({}, { password: 'x' }, { net }))).code, 'host_unreachable')
  assert.ok(Date.now() - started < 5_000)
})
