import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { verifyAudit } from '@millrace/store/audit/verify-audit.ts'
import { startTestStore, type TestStore } from '@millrace/testkit/with-store.ts'
import { eventsMapping, projectBody, sampleProject, sourceBody, sourceOptions, syncBody } from './sample-bodies.ts'
import { type Answer, canaries, startTestApi, type TestApi } from './test-api.ts'

type Problem = {
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly hint: string
  readonly errors?: readonly { path: string; code: string; message: string; hint?: string }[]
}
type Sync = {
  id: string
  importId: string
  state: string
  mappingVersion: number
  triggerUrl: string
  mapping: unknown
}

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

  const refused = (answer: Answer, status: number, code: string): Problem => {
    assert.equal(answer.status, status, answer.text)
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
    const problem = answer.body as unknown as Problem
    assert.equal(problem.code, code, answer.text)
    assert.equal(problem.status, status)
    for (const text of [problem.detail, problem.hint]) assert.ok(text.length > 0)
    return problem
  }

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
      refused(
        await api.owner('POST', `${base}/sources`, { ...body, warehouse: 'snowflake' }),
        422,
        'warehouse_not_supported',
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
      const { name, ...unsaved } = sourceBody('x', 'wrong')
      const tried = await api.owner<{ ok: boolean; checks: { code?: string }[] }>(
        'POST',
        `${base}/sources/test`,
        unsaved,
      )
      assert.equal(tried.status, 200)
      assert.equal(tried.body.ok, false)
      assert.equal(tried.body.checks[1]?.code, 'authentication_failed')
      assert.ok(name)
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

  describe('syncs', () => {
    const create = (change: Record<string, unknown>) =>
      api.owner<Sync>('POST', `${base}/syncs`, syncBody(sourceId, change))

    test('to a column that is not there are a 422 that says where and what was meant', async () => {
      const mapping = { ...eventsMapping, userId: 'tails', rename: { mile: 'Miles' } }
      const { errors } = refused(
        (await create({ name: 'x', mapping, insertTimeColumn: 'inserted' })) as Answer<never>,
        422,
        'mapping_invalid',
      )
      assert.deepEqual(
        errors?.map(({ path, code, hint }) => [path, code, hint]),
        [
          ['mapping.userId', 'column_missing', 'Did you mean "tail"?'],
          ['mapping.rename.mile', 'column_missing', 'Did you mean "miles"?'],
          ['insertTimeColumn', 'column_missing', 'Columns that fit: "flew_at", "inserted_at", "miles".'],
        ],
      )
    })

    test('that the support matrix refuses are a 422 that names the rule', async () => {
      const mirror = { name: 'x', mode: 'mirror', insertTimeColumn: null }
      const { errors } = refused((await create(mirror)) as Answer<never>, 422, 'combination_not_supported')
      assert.equal(errors?.[0]?.code, 'mirror_needs_change_tracking')
      const bare = refused(
        (await create({ name: 'x', insertTimeColumn: null })) as Answer<never>,
        422,
        'combination_not_supported',
      )
      assert.equal(bare.errors?.[0]?.code, 'append_needs_insert_time')
      const full = refused(
        (await create({ name: 'x', mode: 'full', insertTimeColumn: null })) as Answer<never>,
        422,
        'combination_not_supported',
      )
      assert.equal(full.errors?.[0]?.code, 'events_have_no_full')
    })

    test('of a table that is not there, a schedule that is none or another type of mapping are 422s', async () => {
      refused(
        (await create({ name: 'x', table: { schema: 'public', name: 'nope' } })) as Answer<never>,
        422,
        'table_not_found',
      )
      const schedule = { kind: 'daily', time: '25:00', zone: 'Mars/Olympus' }
      const { errors } = refused((await create({ name: 'x', schedule })) as Answer<never>, 422, 'schedule_invalid')
      assert.deepEqual(
        errors?.map(({ path }) => path),
        ['schedule.time', 'schedule.zone'],
      )
      const lookup = { tableType: 'lookup_table', lookupTableId: 'l', id: 'tail' }
      refused((await create({ name: 'x', mapping: lookup })) as Answer<never>, 422, 'mapping_invalid')
    })

    test('of another project’s source do not come to be', async () => {
      const other = await sampleProject(api.owner, 'another')
      refused((await create({ name: 'x', sourceId: other.sourceId })) as Answer<never>, 404, 'not_found')
    })

    test('keep their versions of the mapping, pause and resume', async () => {
      const { body: sync, status } = await create({
        name: 'versions',
        schedule: { kind: 'daily', time: '06:30', zone: 'Europe/Berlin' },
      })
      assert.equal(status, 201)
      assert.equal(sync.triggerUrl, `http://api.test${base}/syncs/${sync.id}/trigger`)
      assert.match(sync.importId, /^[0-9a-f-]{36}$/)
      const url = `${base}/syncs/${sync.id}`
      const next = await api.owner<Sync>('PATCH', url, { mapping: { ...eventsMapping, leaveOut: ['miles'] } })
      assert.deepEqual([next.body.mappingVersion, next.body.importId], [2, sync.importId])
      const paused = await api.owner<Sync>('PATCH', url, { state: 'paused' })
      assert.deepEqual([paused.body.state, paused.body.mappingVersion], ['paused', 2])
      refused(await api.owner('POST', `${url}/runs`), 409, 'sync_not_active')
      assert.equal((await api.owner<Sync>('PATCH', url, { state: 'active' })).body.state, 'active')
      refused(await api.owner('PATCH', url, { mapping: { ...eventsMapping, time: 'nope' } }), 422, 'mapping_invalid')
      refused(await api.owner('PATCH', url, { mode: 'full' }), 400, 'request_invalid')
    })

    test('that are deleted take their open run with them and are gone', async () => {
      const { body: sync } = await create({ name: 'short-lived' })
      const run = await api.owner<{ id: string }>('POST', `${base}/syncs/${sync.id}/runs`)
      assert.equal((await api.owner('DELETE', `${base}/syncs/${sync.id}`)).status, 204)
      refused(await api.owner('GET', `${base}/syncs/${sync.id}`), 404, 'not_found')
      const after = await api.owner<{ state: string }>('GET', `${base}/runs/${run.body.id}`)
      assert.equal(after.body.state, 'cancelled')
      assert.equal((await create({ name: 'short-lived' })).status, 201, 'the name is free again')
    })
  })

  describe('requests', () => {
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
          assert.ok(
            '4XX' in operation.responses && Object.keys(operation.responses).some((code) => code.startsWith('2')),
          )
          const named = [...url.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort()
          const described = (operation.parameters ?? [])
            .filter((each) => each.in === 'path')
            .map(({ name }) => name)
            .sort()
          assert.deepEqual(described, named, `${method} ${url}`)
        }
      for (const [reference] of JSON.stringify(body).matchAll(/"\$ref":"([^"]+)"/g))
        assert.fail(`dangling ${reference}`)
      const docs = await api.withAuthorization()('GET', '/docs/')
      assert.equal(docs.status, 200)
      assert.match(docs.text, /swagger/i)
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
      'sync.change',
      'sync.delete',
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

type Operation = {
  readonly summary?: string
  readonly tags: readonly string[]
  readonly responses: Record<string, unknown>
  readonly parameters?: readonly { readonly in: string; readonly name: string }[]
}
