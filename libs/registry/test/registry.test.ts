import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createRegistry, subjectOf } from '../src/registry.ts'

const schema = { type: 'record', name: 'Row', namespace: 'a.b', fields: [{ name: 'x', type: 'long' }] } as const

/** A registry's REST API over plain maps; `down` makes it fail, as an overloaded registry does. */
async function withRegistry(
  body: (fake: { url: string; requests: string[]; state: { down: boolean; conflict: boolean } }) => Promise<void>,
): Promise<void> {
  const requests: string[] = []
  const state = { down: false, conflict: false }
  const schemas: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const content = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : null
    requests.push(`${request.method} ${request.url}${content?.compatibility ? ` ${content.compatibility}` : ''}`)
    const answer = (status: number, value: object) => response.writeHead(status).end(JSON.stringify(value))
    if (state.down) return answer(503, { message: 'overloaded' })
    if (request.method === 'PUT') return answer(schemas.length > 0 ? 200 : 404, {})
    if (request.method === 'POST') {
      if (state.conflict) return answer(409, { error_code: 409, message: 'reader is missing field y' })
      schemas.push(content.schema)
      return answer(200, { id: schemas.length })
    }
    const id = Number(request.url!.split('/').at(-1))
    return schemas[id - 1] ? answer(200, { schema: schemas[id - 1] }) : answer(404, { error_code: 40403 })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await body({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests, state })
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}

test('a schema is registered once, under topic and record name, with BACKWARD compatibility', async () => {
  assert.equal(subjectOf('t', schema), 't-a.b.Row')
  await withRegistry(async ({ url, requests }) => {
    const registry = createRegistry({ url })
    const ids = await Promise.all([registry.register('t', schema), registry.register('t', schema)])
    assert.deepEqual([...ids, await registry.register('t', { ...schema })], [1, 1, 1])
    assert.deepEqual(requests, [
      'PUT /config/t-a.b.Row BACKWARD',
      'POST /subjects/t-a.b.Row/versions',
      'PUT /config/t-a.b.Row BACKWARD',
    ])
    assert.equal(await registry.register('other', schema), 2)
  })
})

test('the schema of an id comes back as it was registered, attributes included, and is asked for once', async () => {
  await withRegistry(async ({ url, requests }) => {
    const marked = { ...schema, fields: [{ name: 'x', type: ['null', { type: 'string', millraceType: 'decimal' }] }] }
    const registry = createRegistry({ url })
    const id = await registry.register('t', marked)
    requests.length = 0
    const [first, second] = await Promise.all([registry.schemaById(id), registry.schemaById(id)])
    assert.deepEqual(first, marked)
    assert.equal(first, second)
    assert.deepEqual(requests, ['GET /schemas/ids/1'])
  })
})

test('known ids and schemas keep working while the registry is down, and new ones say that it is', async () => {
  await withRegistry(async ({ url, state, requests }) => {
    const registry = createRegistry({ url, attempts: 2 })
    const id = await registry.register('t', schema)
    await registry.schemaById(id)
    state.down = true
    assert.equal(await registry.register('t', schema), id)
    assert.deepEqual(await registry.schemaById(id), schema)
    requests.length = 0
    await assert.rejects(registry.schemaById(77), { name: 'RegistryError', code: 'unavailable' })
    assert.equal(requests.length, 2)
    state.down = false
    await assert.rejects(registry.schemaById(77), { code: 'unknown_id' })
  })
  const nobody = createRegistry({ url: 'http://127.0.0.1:1', attempts: 1 })
  await assert.rejects(nobody.schemaById(1), { code: 'unavailable' })
  assert.equal(await nobody.reachable(), false)
})

test('an incompatible schema is refused with the reason', async () => {
  await withRegistry(async ({ url, state }) => {
    const registry = createRegistry({ url })
    await registry.register('t', schema)
    state.conflict = true
    await assert.rejects(registry.register('t', { ...schema, fields: [] }), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'incompatible')
      assert.match(error.message, /t-a\.b\.Row.*missing field y/)
      return true
    })
  })
})
