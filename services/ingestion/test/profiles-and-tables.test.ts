import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { basic, event, RunningService } from './running-service.ts'

describe('profiles, lookup tables and queries', () => {
  const service = new RunningService()
  before(async () => {
    await service.start({ MILLRACE_QUERY_MS: '1500' })
    await service.putProject('1')
    await service.putProject('2')
  })
  after(() => service.close())

  const putTable = async (id: string, csv: string) =>
    await fetch(`${service.url}/lookup-tables/${id}?project_id=1`, {
      method: 'PUT',
      headers: { authorization: basic, 'content-type': 'text/csv' },
      body: csv,
    })

  test('a user profile has the latest value of each property, several operations in one update', async () => {
    const $token = 'token-1'
    const first = await service.engage([
      { $token, $distinct_id: 'u1', $set: { plan: 'free', seats: 1, __proto__x: 1 } },
      { $token, $distinct_id: 'u1', $set: { plan: 'pro' }, $unset: ['seats'] },
      { $token, $distinct_id: 'u2', $set: { a: 1 } },
    ])
    assert.deepEqual(await first.json(), { code: 200, num_records_imported: 3, status: 'OK' })
    await service.engage([
      { $token, $distinct_id: 'u1', $set_once: { plan: 'never', since: 2020 }, $add: { visits: 2 } },
      { $token, $distinct_id: 'u1', $append: { tags: 'a' }, $union: { tags: ['a', 'b'] }, $remove: { tags: 'a' } },
      { $token, $distinct_id: 'u2', $delete: '' },
    ])
    assert.deepEqual(await service.read('1', 'profiles/u1'), {
      properties: { plan: 'pro', __proto__x: 1, since: 2020, visits: 2, tags: ['b'] },
    })
    await assert.rejects(service.read('1', 'profiles/u2'), /404/)
    assert.equal((await service.read('1', 'counts/profiles')).users, 1)
  })

  test('group profiles are kept by group key and id', async () => {
    const $token = 'token-1'
    await service.engage(
      [
        { $token, $group_key: 'airport', $group_id: 'SFO', $set: { city: 'San Francisco' } },
        { $token, $group_key: 'carrier', $group_id: 'SFO', $set: { city: 'none' } },
      ],
      '/groups?strict=1',
    )
    assert.deepEqual(await service.read('1', 'groups/airport/SFO'), { properties: { city: 'San Francisco' } })
    assert.deepEqual((await service.read('1', 'counts/profiles')).groups, [
      { groupKey: 'airport', count: 1 },
      { groupKey: 'carrier', count: 1 },
    ])
  })

  test('bad profile updates are named, good ones stored; an unknown token is a 401', async () => {
    const response = await service.engage([
      { $token: 'token-1', $distinct_id: 'null', $set: {} },
      { $token: 'token-1', $distinct_id: 'u3', $set: { ok: true } },
      { $token: 'token-1', $distinct_id: 'u4' },
      { $token: 'no such', $distinct_id: 'u5', $set: {} },
    ])
    const answer = (await response.json()) as {
      failed_records: { index: number; field: string }[]
      num_records_imported: number
    }
    assert.equal(response.status, 400)
    assert.equal(answer.num_records_imported, 1)
    assert.deepEqual(
      answer.failed_records.map(({ index, field }) => [index, field]),
      [
        [0, '$distinct_id'],
        [2, ''],
        [3, '$token'],
      ],
    )
    assert.equal((await service.engage([{ $token: 'no such', $distinct_id: 'u5', $set: {} }])).status, 401)
    assert.equal(
      await (await service.engage([{ $token: 'token-1', $distinct_id: 'u6', $set: {} }], '/engage')).text(),
      '1',
    )
  })

  test('a lookup table is replaced as a whole', async () => {
    const first = await putTable('airports', 'iata,name,city\r\nSFO,"San ""F"" Intl",\r\nLAX,"a, b\nc","x"\r\n')
    assert.deepEqual(await first.json(), { code: 200, status: 'OK' })
    assert.deepEqual(await service.read('1', 'lookup-tables/airports/rows/SFO'), {
      properties: { iata: 'SFO', name: 'San "F" Intl' },
    })
    assert.equal((await service.read('1', 'lookup-tables/airports/rows/LAX')).properties.name, 'a, b\nc')
    assert.equal((await putTable('airports', 'iata,name\nJFK,Kennedy')).status, 200)
    await assert.rejects(service.read('1', 'lookup-tables/airports/rows/SFO'), /404/)
    assert.equal((await putTable('airports', 'iata,name\nJFK')).status, 400)
    assert.deepEqual(await service.read('1', 'lookup-tables/airports/rows/JFK'), {
      properties: { iata: 'JFK', name: 'Kennedy' },
    })
    const list = await fetch(`${service.url}/lookup-tables?project_id=1`, { headers: { authorization: basic } })
    assert.deepEqual(await list.json(), { code: 200, results: [{ id: 'airports', name: 'airports' }], status: 'OK' })
  })

  test('a query reads its own project and nothing else', async () => {
    await service.import('1', JSON.stringify([event(1)]))
    await service.import('2', JSON.stringify([event(2, {}, 'of the other project')]))
    const good = await service.query(
      '1',
      'WITH e AS (SELECT * FROM events) SELECT event, count(*) n FROM e JOIN range(3) r ON true GROUP BY event',
    )
    assert.deepEqual(await good.json(), { columns: ['event', 'n'], rows: [['flight', '3']], complete: true })
    const log = `${service.dir}/data/projects`
    for (const sql of [
      "SELECT * FROM read_csv('/etc/passwd')",
      "SELECT * FROM '/etc/passwd'",
      "SELECT * FROM read_text('/etc/passwd')",
      `SELECT * FROM read_blob('${log}/2/project.json')`,
      `SELECT * FROM glob('${log}/*')`,
      `ATTACH '${log}/2/store.duckdb' AS other`,
      'PRAGMA database_list',
      'SELECT * FROM duckdb_settings()',
      'SELECT * FROM pragma_database_list',
      'SELECT * FROM information_schema.tables',
      "SELECT * FROM query('SELECT 1')",
      "SELECT (SELECT content FROM read_text('/etc/passwd'))",
      "SELECT 1 WHERE EXISTS (FROM read_csv('/etc/passwd'))",
      'DELETE FROM events_log',
      'CREATE TABLE x (a INT)',
      "COPY events TO '/tmp/out.csv'",
      'SET enable_external_access = true',
      'INSTALL httpfs',
      'SELECT 1; SELECT 2',
      'SHOW TABLES',
      'CALL pragma_version()',
      'nonsense',
    ]) {
      const response = await service.query('1', sql)
      assert.equal(response.status, 422, sql)
      assert.match(response.headers.get('content-type') ?? '', /problem\+json/)
      const problem = (await response.json()) as { code: string; detail: string }
      assert.match(problem.code, /^query_(refused|failed)$/, sql)
      assert.doesNotMatch(problem.detail, /root:/)
    }
    const other = await service.query('1', "SELECT * FROM events WHERE event = 'of the other project'")
    assert.deepEqual(((await other.json()) as { rows: unknown[] }).rows, [])
    const cut = await service.query('1', 'SELECT * FROM range(100)', { rowsMax: 10 })
    const rows = (await cut.json()) as { rows: unknown[]; complete: boolean }
    assert.deepEqual([rows.rows.length, rows.complete], [10, false])
  })

  test('a query that takes too long is ended, and the next one works', async () => {
    const slow = await service.query('1', 'SELECT sum(a.range * b.range) FROM range(100000) a, range(10000000) b')
    assert.equal(((await slow.json()) as { code: string }).code, 'query_too_slow')
    assert.equal((await service.query('1', 'SELECT 1')).status, 200)
  })

  test('the API is described, and the process is ready', async () => {
    const api = (await (await fetch(`${service.url}/openapi.json`)).json()) as { paths: Record<string, unknown> }
    for (const path of [
      '/import',
      '/engage',
      '/groups',
      '/lookup-tables/{id}',
      '/api/2.0/export',
      '/operator/projects/{projectId}',
    ])
      assert.ok(path in api.paths, path)
    assert.equal((await fetch(`${service.url}/docs`)).status, 200)
    assert.equal((await fetch(`${service.adminUrl}/readyz`)).status, 200)
    assert.match(
      await (await fetch(`${service.adminUrl}/metrics`)).text(),
      /millrace_records_in_total\{[^}]*stage="ingest"/,
    )
    const wrong = await fetch(`${service.url}/operator/projects/3`, {
      method: 'PUT',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    })
    assert.equal(wrong.status, 400)
    assert.equal(await service.kill('SIGTERM'), 0)
  })
})
