import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { verifyAudit } from '@millrace/store/audit/verify-audit.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { refused } from './refused.ts'
import { eventsMapping, projectBody, sampleProject, sourceBody, sourceOptions } from './sample-bodies.ts'
import { canaries, startTestApi, type TestApi } from './test-api.ts'

describe('the control API', () => {
  let store: TestStore
  let api: TestApi
  let base: string
  let sourceId: string

  before(async () => {
    store = await startTestStore()
    api = await startTestApi(store.db)
    const sample = await sampleProject(api.owner, 'sample')
    base = sample.base
    sourceId = sample.sourceId
  })
  after(async () => {
    await api?.close()
    await store?.close()
  })

  describe('projects', () => {
    test('give back everything but the secrets of their destination', async () => {
      const made = await api.owner<{ id: string; destination: object }>('POST', '/v1/projects', projectBody('one'))
      assert.equal(made.status, 201)
      const { token, secret, ...shown } = projectBody().destination
      assert.deepEqual(made.body.destination, shown)
      assert.deepEqual((await api.owner('GET', `/v1/projects/${made.body.id}`)).body, made.body)
      assert.ok(token && secret && !made.text.includes('canary'))
    })

    test('need the secrets of a destination again when it changes', async () => {
      const { token, secret, ...destination } = projectBody().destination
      const without = await api.owner('PATCH', base, {
        destination: { ...destination, baseUrl: 'http://127.0.0.1:10' },
      })
      const { errors } = refused(without, 400, 'request_invalid')
      assert.deepEqual(errors?.map(({ path }) => path).sort(), ['destination.secret', 'destination.token'])
      const whole = { ...destination, token, secret, baseUrl: 'http://127.0.0.1:10' }
      const changed = await api.owner<{ destination: { baseUrl: string } }>('PATCH', base, { destination: whole })
      assert.equal(changed.body.destination.baseUrl, 'http://127.0.0.1:10')
    })

    test('keep the project that they load while a run is at work, and may change its account and address', async () => {
      const { base: own, runId } = await sampleProject(api.owner, 'moving')
      const { destination } = projectBody()
      const patch = (change: object) => api.owner('PATCH', own, { destination: { ...destination, ...change } })
      refused(await patch({ destinationProjectId: '99' }), 409, 'destination_in_use')
      assert.equal((await patch({ secret: 'new', baseUrl: 'http://127.0.0.1:11' })).status, 200)
      await api.owner('POST', `${own}/runs/${runId}/cancel`)
      assert.equal((await patch({ destinationProjectId: '99' })).status, 200)
    })

    test('do not go where the operator has not allowed', async () => {
      const strict = await startTestApi(store.db, {
        checkDestinationUrl: () =>
          Promise.reject(
            Object.assign(new Error('The host is not one that Millrace may connect to.'), { code: 'host_not_allowed' }),
          ),
      })
      refused(await strict.owner('POST', '/v1/projects', projectBody()), 422, 'destination_not_allowed')
      await strict.close()
    })

    test('are listed in pages without gaps or repetitions', async () => {
      for (let i = 0; i < 5; i++) await api.owner('POST', '/v1/projects', projectBody(`page ${i}`))
      const seen: string[] = []
      for (let after = ''; ; ) {
        const { body } = await api.owner<{ items: { id: string }[]; next: string | null }>(
          'GET',
          `/v1/projects?limit=2${after}`,
        )
        assert.ok(body.items.length <= 2)
        seen.push(...body.items.map(({ id }) => id))
        if (body.next === null) break
        after = `&after=${body.next}`
      }
      const { body: all } = await api.owner<{ items: { id: string }[] }>('GET', '/v1/projects?limit=200')
      assert.deepEqual(
        seen,
        all.items.map(({ id }) => id),
      )
      refused(await api.owner('GET', '/v1/projects?after=xx'), 400, 'request_invalid')
      refused(await api.owner('GET', '/v1/projects?limit=201'), 400, 'request_invalid')
    })
  })

  describe('sources', () => {
    test('are tried first: a wrong password is a 422 with the failing check, and nothing is stored', async () => {
      const answer = await api.owner('POST', `${base}/sources`, sourceBody('wrong', 'canary-wrong-password'))
      const { errors } = refused(answer, 422, 'connection_failed')
      assert.deepEqual(
        errors?.map(({ path, code }) => [path, code]),
        [['sign in', 'authentication_failed']],
      )
      assert.ok(!(await api.owner('GET', `${base}/sources`)).text.includes('wrong'))
    })

    test('with options that cannot be are refused before anything is connected', async () => {
      const asked = api.warehouses.asked.length
      const body = { ...sourceBody('odd'), options: { ...sourceOptions, port: 0, sslMode: 'disable', options: '-c x' } }
      const { errors } = refused(await api.owner('POST', `${base}/sources`, body), 422, 'options_invalid')
      assert.deepEqual(errors?.map(({ path }) => path).sort(), ['options.options', 'options.port', 'options.sslMode'])
      for (const folder of ['..', '../shop', '/etc', ''])
        refused(
          await api.owner('POST', `${base}/sources`, {
            name: 'files',
            warehouse: 'csv',
            options: { folder },
            secrets: {},
          }),
          422,
          'options_invalid',
        )
      assert.equal(api.warehouses.asked.length, asked)
    })

    test('never point a stored secret at another server', async () => {
      const url = `${base}/sources/${sourceId}`
      const options = { ...sourceOptions, host: '127.0.0.2' }
      refused(await api.owner('PATCH', url, { options }), 422, 'secrets_needed')
      refused(await api.owner('PATCH', url, { options, secrets: { password: 'guess' } }), 422, 'connection_failed')
      assert.equal((await api.owner('PATCH', url, { options, secrets: { password: canaries.password } })).status, 200)
      assert.equal((await api.owner('PATCH', url, { name: 'renamed' })).status, 200)
    })

    test('are tested as they are stored, and before they are', async () => {
      const stored = await api.owner<{ ok: boolean; checks: unknown[] }>('POST', `${base}/sources/${sourceId}/test`)
      assert.deepEqual([stored.body.ok, stored.body.checks.length], [true, 2])
      type Tried = { ok: boolean; checks: { code?: string }[] }
      const tried = await api.owner<Tried>('POST', `${base}/sources/test`, sourceBody('x', 'wrong'))
      assert.equal(tried.status, 200)
      assert.equal(tried.body.ok, false)
      assert.equal(tried.body.checks[1]?.code, 'authentication_failed')
    })

    test('of one name are one, and one that is read from cannot be deleted', async () => {
      refused(await api.owner('POST', `${base}/sources`, sourceBody('renamed')), 409, 'conflict')
      const { detail } = refused(await api.owner('DELETE', `${base}/sources/${sourceId}`), 409, 'in_use')
      assert.match(detail, /flights/)
      const spare = await api.owner<{ id: string }>('POST', `${base}/sources`, sourceBody('spare'))
      assert.equal((await api.owner('DELETE', `${base}/sources/${spare.body.id}`)).status, 204)
      refused(await api.owner('GET', `${base}/sources/${spare.body.id}`), 404, 'not_found')
      const left = await store.db
        .selectFrom('secrets')
        .select('field')
        .where('owner', '=', `source:${spare.body.id}`)
        .execute()
      assert.deepEqual(left, [])
    })

    test('show their schemas, tables and columns with types', async () => {
      const url = `${base}/sources/${sourceId}/schemas`
      assert.deepEqual((await api.owner('GET', url)).body, { items: [{ name: 'public' }] })
      const tables = await api.owner('GET', `${url}/public/tables`)
      assert.deepEqual(tables.body, { items: [{ schema: 'public', name: 'flights', kind: 'table', rowsEstimate: 3 }] })
      const { body } = await api.owner<{ columns: object[] }>('GET', `${url}/public/tables/flights`)
      assert.deepEqual(body.columns[0], {
        name: 'flew_at',
        type: 'timestamp',
        sourceType: 'timestamp with time zone',
        nullable: true,
      })
      refused(await api.owner('GET', `${url}/public/tables/fleights`), 404, 'table_not_found')
    })

    test('preview rows and what a mapping makes of them, rejects included, with all digits', async () => {
      const { body, text } = await api.owner<{
        rows: Record<string, unknown>[]
        updates: { row: number; body: { event: string; properties: Record<string, unknown> } }[]
        rejects: { row: number; code: string }[]
      }>('POST', `${base}/sources/${sourceId}/preview`, {
        table: { schema: 'public', name: 'flights' },
        mapping: eventsMapping,
      })
      assert.deepEqual(body.rows[0], {
        flew_at: '2024-01-01T12:00:00Z',
        tail: 'N1',
        inserted_at: '2024-01-01T12:00:00Z',
        miles: 120,
      })
      assert.deepEqual(
        body.updates.map(({ row }) => row),
        [0, 2],
      )
      assert.equal(body.updates[0]?.body.event, 'Flight')
      assert.equal(body.updates[0]?.body.properties.miles, 120)
      assert.match(text, /9007199254740993/)
      assert.deepEqual(
        body.rejects.map(({ row, code }) => [row, code]),
        [[1, 'time_missing']],
      )
      const bad = { table: { schema: 'public', name: 'flights' }, mapping: { ...eventsMapping, time: 'flew' } }
      refused(await api.owner('POST', `${base}/sources/${sourceId}/preview`, bad), 422, 'mapping_invalid')
    })

    test('let go of every connection they were asked for', () => {
      assert.equal(api.warehouses.closed, api.warehouses.asked.length)
    })
  })

  test('leaves a chain of audit entries that shows where it was tampered with', async () => {
    assert.equal(await verifyAudit(store.db), null)
    const entries = await store.db.selectFrom('audit').select(['id', 'action']).orderBy('id').execute()
    for (const action of [
      'project.create',
      'source.create',
      'source.change',
      'source.delete',
      'sync.create',
      'run.start',
    ])
      assert.ok(
        entries.some((entry) => entry.action === action),
        action,
      )
    const victim = entries[Math.floor(entries.length / 2)]!
    await store.db.updateTable('audit').set({ actor: 'somebody else' }).where('id', '=', victim.id).execute()
    assert.equal(await verifyAudit(store.db), victim.id)
  })

  test('says no secret in any answer, log line, or row of its store', async () => {
    for (const text of api.seen) assert.ok(!/canary/.test(text), text.slice(0, 300))
    for (const table of ['projects', 'sources', 'secrets', 'audit', 'syncs'] as const) {
      const rows = await store.db.selectFrom(table).selectAll().execute()
      const text = JSON.stringify(rows, (_, value) =>
        value?.type === 'Buffer' ? Buffer.from(value.data).toString('latin1') : value,
      )
      assert.ok(rows.length > 0 && !text.includes('canary'), table)
    }
  })
})
