import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type SnowflakeServer, startSnowflakeServer } from '@millrace/testkit/snowflake/snowflake-server.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { openWarehouse } from '@millrace/warehouses/open-warehouse.ts'
import { refused } from './refused.ts'
import { projectBody } from './sample-bodies.ts'
import { startTestApi, type TestApi } from './test-api.ts'

type Key = { readonly state: string; readonly slot: string; readonly publicKey: string; readonly statement: string }
type Keys = { readonly items: readonly Key[] }

let store: TestStore
let server: SnowflakeServer
let api: TestApi
let base: string
before(async () => {
  store = await startTestStore()
  server = await startSnowflakeServer()
  api = await startTestApi(store.db, { openWarehouse, snowflakeEndpoint: server.accessUrl })
  const { body } = await api.owner<{ id: string }>('POST', '/v1/projects', projectBody('keys'))
  base = `/v1/projects/${body.id}/sources`
})
after(async () => {
  await api.close()
  await server.close()
  await store.close()
})

const bodyOf = (name: string, secrets = {}) => ({
  name,
  warehouse: 'snowflake',
  options: {
    accountIdentifier: server.account,
    user: server.user,
    authentication: 'key_pair',
    role: server.role,
    warehouse: server.warehouse,
    database: server.database,
  },
  secrets,
})

test('keys are made with the source, let in once their statement was run, and are exchanged without a gap', async () => {
  const created = await api.owner<{ id: string; keys: readonly Key[] }>('POST', base, bodyOf('rotated'))
  assert.equal(created.status, 201, created.text)
  const url = `${base}/${created.body.id}`
  const [first] = created.body.keys
  assert.deepEqual([first?.state, first?.slot], ['current', 'RSA_PUBLIC_KEY'])
  assert.equal(first?.statement, `ALTER USER MILLRACE SET RSA_PUBLIC_KEY = '${first?.publicKey}';`)
  const isIn = async () => (await api.owner<{ ok: boolean }>('POST', `${url}/test`, {})).body.ok
  assert.equal(await isIn(), false)
  server.setPublicKey(1, first?.publicKey ?? '')
  assert.equal(await isIn(), true)

  const made = await api.owner<Keys>('POST', `${url}/keys`)
  const [, next] = made.body.items
  assert.deepEqual([made.status, next?.state, next?.slot], [201, 'next', 'RSA_PUBLIC_KEY_2'])
  assert.deepEqual((await api.owner<Keys>('POST', `${url}/keys`)).body, made.body)
  assert.equal(await isIn(), true)
  assert.deepEqual((await api.owner<Keys>('GET', `${url}/keys`)).body, made.body)

  server.setPublicKey(2, next?.publicKey ?? '')
  assert.equal(await isIn(), true)
  server.setPublicKey(1, null)
  assert.equal(await isIn(), true)
  const after = await api.owner<Keys>('GET', `${url}/keys`)
  assert.deepEqual(after.body.items, [{ ...next, state: 'current' }])
  const again = await api.owner<Keys>('POST', `${url}/keys`)
  assert.equal(again.body.items[1]?.slot, 'RSA_PUBLIC_KEY')
  assert.ok(!api.seen.some((text) => text.includes('PRIVATE KEY')))
})

test('nobody gives a private key, points one at another account, or has keys of a source without them', async () => {
  refused(await api.owner('POST', base, bodyOf('own', { privateKey: 'x' })), 422, 'keys_are_made')
  const created = await api.owner<{ id: string }>('POST', base, bodyOf('stays'))
  const url = `${base}/${created.body.id}`
  const { options } = bodyOf('stays')
  refused(
    await api.owner('PATCH', url, { options: { ...options, accountIdentifier: 'another-account' } }),
    422,
    'keys_are_made',
  )
  const password = { ...bodyOf('with password', { password: server.password }) }
  const other = await api.owner<{ id: string }>('POST', base, {
    ...password,
    options: { ...options, authentication: 'password' },
  })
  assert.equal(other.status, 201, other.text)
  refused(await api.owner('POST', `${base}/${other.body.id}/keys`), 409, 'no_keys')
})

test('an account identifier that could lead elsewhere is refused before the network is used', async () => {
  const sent = server.requests.length
  for (const accountIdentifier of ['x.evil/', 'a?', 'a#', 'a@b', '..', 'a\n']) {
    const body = bodyOf('evil')
    refused(
      await api.owner('POST', base, { ...body, options: { ...body.options, accountIdentifier } }),
      422,
      'options_invalid',
    )
  }
  assert.equal(server.requests.length, sent)
})
