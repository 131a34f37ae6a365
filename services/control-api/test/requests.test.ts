import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { refused } from './refused.ts'
import { projectBody } from './sample-bodies.ts'
import { startTestApi, type TestApi } from './test-api.ts'

describe('requests', () => {
  let store: TestStore
  let api: TestApi

  before(async () => {
    store = await startTestStore()
    api = await startTestApi(store.db)
  })
  after(async () => {
    await api?.close()
    await store?.close()
  })

  test('with unknown fields, broken JSON, another type or too much of it are problems, not crashes', async () => {
    const unknown = await api.owner('POST', '/v1/projects', { ...projectBody(), colour: 'red' })
    assert.equal(refused(unknown, 400, 'request_invalid').errors?.[0]?.path, 'colour')
    const kind = await api.owner('POST', '/v1/projects', {
      name: 'x',
      destination: { ...projectBody().destination, kind: 's3' },
    })
    assert.match(refused(kind, 400, 'request_invalid').detail, /destination\.kind must be one of ingestion, mixpanel/)
    const json = { 'content-type': 'application/json' }
    refused(await api.owner('POST', '/v1/projects', '{"name":', json), 400, 'json_invalid')
    refused(await api.owner('POST', '/v1/projects', '{"__proto__":{"x":1}}', json), 400, 'json_invalid')
    refused(await api.owner('POST', '/v1/projects', '['.repeat(30) + ']'.repeat(30), json), 400, 'json_too_deep')
    refused(await api.owner('POST', '/v1/projects', 'x', { 'content-type': 'text/plain' }), 415, 'invalid_media_type')
    refused(await api.owner('POST', '/v1/projects', { name: 'x'.repeat(1024 * 1024 + 1) }), 413, 'body_too_large')
    refused(await api.owner('GET', '/v2/projects'), 404, 'route_not_found')
  })

  test('get answers that browsers treat with care', async () => {
    const { headers } = await api.owner('GET', '/v1/projects')
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.match(String(headers['content-security-policy']), /default-src 'none'/)
    assert.equal(headers['cache-control'], 'no-store')
  })

  test('are described: every operation has a summary, answers and problems, and every reference leads somewhere', async () => {
    const { status, body } = await api.owner<{ openapi: string; paths: Record<string, Record<string, Operation>> }>(
      'GET',
      '/openapi.json',
    )
    assert.equal(status, 200)
    assert.match(body.openapi, /^3\.1/)
    for (const [url, operations] of Object.entries(body.paths))
      for (const [method, operation] of Object.entries(operations)) {
        assert.ok(operation.summary && operation.tags.length > 0, `${method} ${url}`)
        assert.ok('4XX' in operation.responses && Object.keys(operation.responses).some((code) => code.startsWith('2')))
        const named = [...url.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort()
        const described = (operation.parameters ?? [])
          .filter((each) => each.in === 'path')
          .map(({ name }) => name)
          .sort()
        assert.deepEqual(described, named, `${method} ${url}`)
      }
    for (const [reference] of JSON.stringify(body).matchAll(/"\$ref":"([^"]+)"/g)) assert.fail(`dangling ${reference}`)
    const docs = await api.withAuthorization()('GET', '/docs/')
    assert.equal(docs.status, 200)
    assert.match(docs.text, /swagger/i)
  })
})

type Operation = {
  readonly summary?: string
  readonly tags: readonly string[]
  readonly responses: Record<string, unknown>
  readonly parameters?: readonly { readonly in: string; readonly name: string }[]
}
