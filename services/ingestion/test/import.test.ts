import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { account, basic, event, RunningService } from './running-service.ts'

describe('import', () => {
  const service = new RunningService()
  before(async () => {
    await service.start()
    await service.putProject('1')
    await service.putProject('2')
    await service.putProject('small', { batchRecordsMax: 10, batchBytesMax: 20_000, recordsPerSecond: 20 })
  })
  after(() => service.close())

  test('stores good events of a batch and names the bad ones with field and reason', async () => {
    const hour = 3_600_000
    const bad: [object, string][] = [
      [event(1, { time: undefined }), 'properties.time'],
      [event(2, { time: 1000 }), 'properties.time'],
      [event(3, { time: Date.now() + 2 * hour }), 'properties.time'],
      [event(4, { time: 'yesterday' }), 'properties.time'],
      [event(5, { distinct_id: 'Anonymous' }), 'properties.distinct_id'],
      [event(6, { distinct_id: undefined }), 'properties.distinct_id'],
      [event(7, { distinct_id: null }), 'properties.distinct_id'],
      [event(8, { $insert_id: undefined }), 'properties.$insert_id'],
      [event(9, { $insert_id: 'with space' }), 'properties.$insert_id'],
      [event(10, { $insert_id: 'x'.repeat(37) }), 'properties.$insert_id'],
      [{ event: '', properties: event(11).properties }, 'event'],
      [{ properties: event(12).properties }, 'event'],
      [{ event: 'flight' }, 'properties'],
      [event(13, { note: 'x'.repeat(1_048_576) }), ''],
      [event(14, Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`p${i}`, i]))), 'properties'],
      [event(15, { list: Array.from({ length: 300 }, () => 1) }), 'properties'],
      [event(16, { distinct_id: 'nul\u0000character' }), 'properties.distinct_id'],
      [event(17, { nested: JSON.parse('['.repeat(100) + ']'.repeat(100)) }), 'properties'],
      [[1], ''],
    ]
    const batch = [event(100), ...bad.map(([record]) => record), event(101)]
    const response = await service.import('1', JSON.stringify(batch))
    const answer = (await response.json()) as {
      failed_records: { index: number; field: string; insert_id: string }[]
    } & Record<string, unknown>
    assert.equal(response.status, 400)
    assert.equal(answer.code, 400)
    assert.equal(answer.status, 'Bad Request')
    assert.equal(answer.num_records_imported, 2)
    assert.deepEqual(
      answer.failed_records.map(({ index, field }) => [index, field]),
      bad.map(([, field], i) => [i + 1, field]),
    )
    assert.equal(answer.failed_records[0]!.insert_id, 'id-1')
    assert.equal((await service.read('1', 'counts/events')).total, 2)
  })

  test('takes NDJSON, gzip, seconds and milliseconds, and keeps properties as they were sent', async () => {
    const name = 'odd "name"\twith é'
    const records = [
      event(200, { time: 1_600_000_000, big: 1, distinct_id: '' }, name),
      event(201, { nested: { a: [1, { b: null }] }, distinct_id: 'tab\tid' }, name),
    ]
    const text = `${records.map((record) => JSON.stringify(record, null, 1).replaceAll('\n', '\r\n')).join('\n')}\n`
    const exact = text.replace('"big": 1', '"big": 12345678901234567890.10')
    const response = await service.import('2', gzipSync(exact), {
      'content-encoding': 'gzip',
      'content-type': 'application/x-ndjson',
    })
    assert.deepEqual(
      [response.status, await response.json()],
      [200, { code: 200, num_records_imported: 2, status: 'OK' }],
    )
    const found = await (
      await service.query('2', 'SELECT event, distinct_id, time_ms FROM events ORDER BY time_ms')
    ).json()
    assert.deepEqual((found as { rows: unknown }).rows, [
      [name, '', '1600000000000'],
      [name, 'tab\tid', '1700000000201'],
    ])
    const lines = await exportLines('2', 'from_date=2020-09-13&to_date=2023-11-30')
    assert.equal(lines.length, 2)
    assert.match(lines[0]!, /"big": 12345678901234567890\.10/)
    assert.deepEqual(JSON.parse(lines[1]!), records[1])
    assert.equal((await exportLines('2', 'from_date=2020-09-14&to_date=2023-11-30')).length, 1)
    assert.equal((await exportLines('2', 'from_date=2020-01-01&to_date=2023-11-30&import_id=other')).length, 0)
  })

  test('shows the copy that arrived last of events equal in name, time, user and insert id', async () => {
    await service.putProject('dedup')
    for (const color of ['red', 'green', 'blue']) {
      await service.import(
        'dedup',
        JSON.stringify([
          event(1, { color }),
          event(2, { color }),
          event(1, { color }),
          event(1, { color, time: 1_650_000_000 }),
        ]),
      )
      // Reading moves the log into DuckDB, so that copies meet across segments as well as within one.
      if (color === 'red') assert.equal((await service.read('dedup', 'counts/events')).total, 3)
    }
    assert.equal((await service.read('dedup', 'counts/events')).total, 3)
    const found = await (await service.query('dedup', "SELECT DISTINCT properties->>'$.color' FROM events")).json()
    assert.deepEqual((found as { rows: unknown }).rows, [['blue']])
  })

  test('removes superseded copies in the background and keeps the counts', async () => {
    await service.putProject('copies')
    for (let i = 0; i < 3; i++) await service.import('copies', JSON.stringify([event(1), event(2)]))
    const stored = async () =>
      ((await (await service.query('copies', 'SELECT count(*) FROM events_log')).json()) as { rows: [[string]] })
        .rows[0][0]
    const { until } = await import('@millrace/local-stack/servers/until.ts')
    await until(async () => (await stored()) === '2', { what: 'the removal of copies' })
    assert.equal((await service.read('copies', 'counts/events')).total, 2)
  })

  test('opens a project to its service accounts and its token, and to nobody else', async () => {
    const body = JSON.stringify([event(300)])
    const status = async (authorization: string, project: string) =>
      (await service.import(project, body, { authorization })).status
    const of = (username: string, secret: string) => `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`
    assert.equal(await status(basic, '2'), 200)
    assert.equal(await status(of('token-2', ''), '2'), 200)
    assert.equal(await status(of('token-2', ''), ''), 200)
    assert.equal(await status(of('token-2', ''), '1'), 401)
    assert.equal(await status(of(account.username, 'wrong'), '2'), 401)
    assert.equal(await status(of('nobody', account.secret), '2'), 401)
    assert.equal(await status(basic, 'no-such-project'), 401)
    assert.equal(await status('', '2'), 401)
    assert.equal(await status('Bearer x', '2'), 401)
  })

  test('a token sends and does nothing else: it reads, exports, replaces and deletes nothing', async () => {
    const authorization = `Basic ${Buffer.from('token-2:').toString('base64')}`
    const days = 'from_date=2023-01-01&to_date=2023-12-31&project_id=2'
    const asked: [string, string, string?][] = [
      ['GET', '/api/read/projects/2/counts/events'],
      ['GET', `/api/2.0/export?${days}`],
      ['GET', '/lookup-tables?project_id=2'],
      ['PUT', '/lookup-tables/t?project_id=2', 'id,name\n1,x\n'],
      ['DELETE', '/api/projects/2/imports/import-1'],
    ]
    for (const [method, path, body] of asked) {
      const headers = { authorization, ...(body === undefined ? {} : { 'content-type': 'text/csv' }) }
      const { status } = await fetch(`${service.url}${path}`, { method, headers, body })
      assert.equal(status, 401, `${method} ${path}`)
    }
    assert.equal(
      (await fetch(`${service.url}/api/2.0/export?${days}`, { headers: { authorization: basic } })).status,
      200,
    )
  })

  test('refuses too many records, too many bytes, gzip bombs and too high a rate', async () => {
    const records = (from: number, count: number) =>
      JSON.stringify(Array.from({ length: count }, (_, i) => event(from + i)))
    assert.equal((await service.import('small', records(0, 11))).status, 413)
    assert.equal((await service.import('small', JSON.stringify([event(1, { note: 'x'.repeat(20_000) })]))).status, 413)
    const bomb = gzipSync(Buffer.alloc(200 * 1024 * 1024, 32))
    assert.equal((await service.import('small', bomb, { 'content-encoding': 'gzip' })).status, 413)
    let limited: Response | null = null
    for (let i = 0; limited === null && i < 20; i++) {
      const response = await service.import('small', records(i * 10, 10))
      if (response.status === 429) limited = response
      else assert.equal(response.status, 200)
    }
    assert.ok(limited, 'the rate was never limited')
    assert.ok(Number(limited.headers.get('retry-after')) >= 1)
  })

  test('takes nothing of a body that is not JSON', async () => {
    for (const body of [
      '',
      '[',
      '{"event":',
      '[{}]x',
      `[${JSON.stringify(event(1))},]`,
      'null x',
      '[{"event":"a"} {"event":"b"}]',
      '{"a":01}',
    ]) {
      const response = await service.import('2', body)
      assert.equal(response.status, body === '' ? 200 : 400, body)
    }
    const notGzip = await service.import('2', '[]', { 'content-encoding': 'gzip' })
    assert.equal(notGzip.status, 400)
  })

  test('deletes the events of one import for good, later ones of the same import excepted', async () => {
    await service.putProject('del')
    await service.import('del', JSON.stringify([event(1), event(2), event(3, { $warehouse_import_id: 'import-2' })]))
    const url = `${service.url}/api/projects/del/imports/import-1`
    assert.equal((await fetch(url, { method: 'DELETE', headers: { authorization: basic } })).status, 202)
    await service.import('del', JSON.stringify([event(4)]))
    assert.deepEqual(await service.read('del', 'counts/imports'), {
      imports: [
        { importId: 'import-1', count: 1 },
        { importId: 'import-2', count: 1 },
      ],
    })
  })

  test('keeps secrets out of its log and its folder', async () => {
    const { readdirSync, readFileSync, statSync } = await import('node:fs')
    assert.ok(!service.stdout.includes(account.secret))
    for (const name of readdirSync(service.dir, { recursive: true, encoding: 'utf8' })) {
      const file = `${service.dir}/${name}`
      if (statSync(file).isFile()) assert.ok(!readFileSync(file).includes(account.secret), name)
    }
  })

  async function exportLines(projectId: string, query: string): Promise<string[]> {
    const response = await fetch(`${service.url}/api/2.0/export?project_id=${projectId}&${query}`, {
      headers: { authorization: basic },
    })
    assert.equal(response.status, 200)
    const text = await response.text()
    return text === '' ? [] : text.trimEnd().split('\n')
  }
})
