import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { permissions } from '@millrace/control-api/http/permissions.ts'
import { createServer } from '@millrace/control-api/http/server.ts'
import { guardRoutes } from '@millrace/control-api/http/sign-in.ts'
import type { Role } from '@millrace/store/schema.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { projectBody, sampleProject } from './sample-bodies.ts'
import { basic, type Caller, startTestApi, type TestApi } from './test-api.ts'

type Route = { readonly method: Parameters<Caller>[0]; readonly url: string }

/** Every operation of the API, from its own description. */
async function routesOf(api: TestApi): Promise<Route[]> {
  const { body } = await api.owner<{ paths: Record<string, Record<string, unknown>> }>('GET', '/openapi.json')
  return Object.entries(body.paths).flatMap(([url, operations]) =>
    Object.keys(operations).map((method) => ({ method: method.toUpperCase() as Route['method'], url })),
  )
}

describe('access', () => {
  let store: TestStore
  let api: TestApi
  let routes: Route[]
  let mine: Awaited<ReturnType<typeof sampleProject>>
  let other: Awaited<ReturnType<typeof sampleProject>>

  before(async () => {
    store = await startTestStore()
    api = await startTestApi(store.db)
    routes = await routesOf(api)
    mine = await sampleProject(api.owner, 'mine')
    other = await sampleProject(api.owner, 'other')
  })
  after(async () => {
    await api?.close()
    await store?.close()
  })

  const ids = (of: typeof mine) => ({ ...of, accountId: 'nobody', schema: 'public', table: 'flights' })
  const fill = (url: string, values: Record<string, string>) =>
    url.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name]!))

  test('has all the routes of the API', () => {
    assert.ok(routes.length >= 28, `${routes.length} routes`)
  })

  test('without an account every route answers 401 and asks for basic authorization', async () => {
    const anonymous = api.withAuthorization()
    for (const { method, url } of routes) {
      const { status, headers, body } = await anonymous(method, fill(url, ids(mine)))
      assert.equal(status, 401, `${method} ${url}`)
      assert.match(String(headers['www-authenticate']), /^Basic/)
      assert.equal(body.code, 'unauthenticated')
    }
  })

  test('a wrong secret, an unknown user and a broken header are the same 401', async () => {
    for (const header of [basic('owner', 'wrong'), basic('nobody', 'x'), 'Basic ???', 'Bearer x', basic('', '')]) {
      const { status, body } = await api.withAuthorization(header)('GET', '/v1/projects')
      assert.equal(status, 401)
      assert.equal(body.code, 'unauthenticated')
    }
  })

  test('ten wrong sign-ins in a row make the next one wait', async () => {
    const wrong = api.withAuthorization(basic('guessed', 'wrong'))
    const statuses: number[] = []
    for (let i = 0; i < 12; i++) statuses.push((await wrong('GET', '/v1/projects')).status)
    assert.deepEqual(statuses.slice(0, 10), Array(10).fill(401))
    const { status, headers } = await wrong('GET', '/v1/projects')
    assert.equal(status, 429)
    assert.ok(Number(headers['retry-after']) >= 1)
  })

  test('an object of another project is a 404 on every route, whatever its id', async () => {
    const names = ['sourceId', 'syncId', 'runId'] as const
    let asked = 0
    for (const { method, url } of routes)
      for (const name of names.filter((each) => url.includes(`{${each}}`))) {
        const mixed = fill(url, { ...ids(mine), [name]: other[name] })
        const { status, text } = await api.owner(method, mixed, bodyFor(method, url, mine.sourceId))
        assert.equal(status, 404, `${method} ${mixed}: ${text}`)
        asked++
      }
    assert.ok(asked >= 18, `${asked} asked`)
    for (const each of [mine, other]) {
      assert.equal((await api.owner('GET', `${each.base}/sources/${each.sourceId}`)).status, 200)
      assert.equal((await api.owner('GET', `${each.base}/syncs/${each.syncId}`)).status, 200)
      assert.equal((await api.owner<{ state: string }>('GET', `${each.base}/runs/${each.runId}`)).body.state, 'queued')
    }
  })

  test('an account of one project sees no other one on any route', async () => {
    const admin = await api.as('admin', mine.projectId)
    for (const { method, url } of routes.filter((route) => route.url.includes('{projectId}'))) {
      const { status, text } = await admin(method, fill(url, ids(other)), bodyFor(method, url, other.sourceId))
      assert.equal(status, 404, `${method} ${url}: ${text}`)
    }
    const { body } = await admin<{ items: { id: string }[] }>('GET', '/v1/projects')
    assert.deepEqual(
      body.items.map(({ id }) => id),
      [mine.projectId],
    )
    const denied = await store.db
      .selectFrom('audit')
      .select(['object'])
      .where('action', '=', 'access.denied')
      .distinct()
      .execute()
    assert.deepEqual(denied, [{ object: `project:${other.projectId}` }])
    const owner = await api.as('owner', mine.projectId)
    assert.equal((await owner('POST', '/v1/projects', projectBody())).status, 404)
    assert.equal((await owner('GET', '/v1/service-accounts')).status, 403)
  })

  test('a project id that cannot be one is a 404 like any other', async () => {
    for (const id of ['%00', '%EF%BF%BD', 'a%0D%0Ab', '..%2F..', 'x'.repeat(200)])
      assert.equal((await api.owner('GET', `/v1/projects/${id}/sources`)).status, 404, id)
  })

  test('each role may do what its permissions say and nothing else', async () => {
    const expected: Record<Role, RegExp> = {
      owner: /./,
      admin: /^(?!.*(service-accounts|POST \/v1\/projects$))/,
      analyst: /^GET (?!.*service-accounts)/,
      trigger: /^(PUT .*\/trigger|GET .*\/runs\/\{runId\}(\/events)?)$/,
    }
    for (const role of ['admin', 'analyst', 'trigger'] as const) {
      const caller = await api.as(role)
      for (const { method, url } of routes) {
        // An id that is nobody's: who is let through gets a 404 or a fault of his request, and changes nothing.
        const nobodys = { ...ids(mine), projectId: 'none', accountId: 'none' }
        const { status } = await caller(method, fill(url, nobodys))
        const may = expected[role].test(`${method} ${url}`)
        assert.equal(status !== 403, may, `${role}: ${method} ${url} is ${status}`)
      }
    }
    assert.deepEqual(permissions.read, ['owner', 'admin', 'analyst'])
  })

  test('a revoked account is out at once, and a new one is in with the secret that was shown once', async () => {
    const made = await api.owner<{ id: string; username: string; secret: string }>('POST', '/v1/service-accounts', {
      username: 'orchestrator',
      role: 'analyst',
    })
    assert.equal(made.status, 201)
    const caller = api.withAuthorization(basic('orchestrator', made.body.secret))
    assert.equal((await caller('GET', '/v1/projects')).status, 200)
    const again = await api.owner('POST', '/v1/service-accounts', { username: 'orchestrator', role: 'owner' })
    assert.equal(again.status, 409)
    assert.equal((await api.owner('DELETE', `/v1/service-accounts/${made.body.id}`)).status, 204)
    assert.equal((await caller('GET', '/v1/projects')).status, 401)
    assert.equal((await api.owner('DELETE', `/v1/service-accounts/${made.body.id}`)).status, 404)
    const listed = await api.owner('GET', '/v1/service-accounts')
    assert.ok(!listed.text.includes('orchestrator') && !listed.text.includes('scrypt'))
  })

  test('a route that names no permission cannot be added', async () => {
    const bare = createServer(() => 'x')
    guardRoutes(bare, { now: Date.now } as Parameters<typeof guardRoutes>[1])
    assert.throws(() => bare.get('/open', async () => 'x'), /names no permission/)
  })
})

/** A body that passes the schema of the route, so that what is refused is the object. */
function bodyFor(method: string, url: string, sourceId: string): unknown {
  if (method === 'PATCH') return { name: 'renamed' }
  if (method !== 'POST') return undefined
  if (url.endsWith('/preview')) return { table: { schema: 'public', name: 'flights' } }
  if (url.endsWith('/decision')) return { choice: 'resync' }
  if (url.endsWith('/syncs')) return undefined
  return url.endsWith('/sources') || url.endsWith('/sources/test') ? { sourceId } : undefined
}
