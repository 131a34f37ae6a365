import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { basic, event, RunningService } from './running-service.ts'

type Operation = readonly ['upsert' | 'delete', generation: number, runSeq: number, ordinal: number, event: object]

describe('mirrored events', () => {
  const service = new RunningService()
  before(async () => {
    await service.start()
    for (const id of ['1', '2', '3', '4', '5', '6', '7']) await service.putProject(id)
    await service.putProject('small', { batchRecordsMax: 2 })
  })
  after(() => service.close())

  async function mirror(
    projectId: string,
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ) {
    const response = await fetch(`${service.url}/mirror/events?project_id=${projectId}`, {
      method: 'POST',
      headers: { authorization: basic, 'content-type': 'application/json', ...headers },
      body,
    })
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> }
  }

  async function send(projectId: string, ...operations: Operation[]) {
    const { status, answer } = await mirror(projectId, JSON.stringify(operations))
    assert.equal(status, 200, JSON.stringify(answer))
    return answer
  }

  async function shown(projectId: string): Promise<string[]> {
    const sql = "SELECT insert_id || ' ' || (properties->>'$.plan') FROM events ORDER BY 1"
    const { rows } = (await (await service.query(projectId, sql, { rowsMax: 10_000 })).json()) as { rows: [string][] }
    return rows.map(([text]) => text)
  }

  test('are inserted, replaced and deleted by key, beside imported ones', async () => {
    await service.import('1', JSON.stringify([event(9, { plan: 'imported' })]))
    await send('1', ['upsert', 1, 1, 0, event(1, { plan: 'free' })], ['upsert', 1, 1, 1, event(2, { plan: 'free' })])
    assert.deepEqual(await shown('1'), ['id-1 free', 'id-2 free', 'id-9 imported'])
    await send('1', ['upsert', 1, 2, 0, event(1, { plan: 'pro' })], ['delete', 1, 2, 1, event(2)])
    assert.deepEqual(await shown('1'), ['id-1 pro', 'id-9 imported'])
    assert.equal((await service.read('1', 'counts/events')).total, 2)
  })

  test('move by the delete of the old key and the upsert of the new one under one version', async () => {
    await send('2', ['upsert', 1, 1, 0, event(1, { plan: 'a' })])
    const moved = event(1, { plan: 'b', time: 1_700_000_009_000 })
    await send('2', ['delete', 1, 2, 0, event(1)], ['upsert', 1, 2, 0, moved])
    assert.deepEqual(await shown('2'), ['id-1 b'])
    await send('2', ['delete', 1, 3, 0, moved], ['upsert', 1, 3, 0, event(1, { plan: 'c' })])
    assert.deepEqual(await shown('2'), ['id-1 c'])
  })

  test('end the same in whatever order and however often operations arrive, also over a kill -9', async () => {
    const history = fc.sample(
      fc.tuple(fc.nat(19), fc.constantFrom('upsert' as const, 'upsert' as const, 'delete' as const)),
      { numRuns: 400, seed: 5 },
    )
    const operations = history.map(([row, op], n): Operation => {
      const generation = 1 + Math.floor(n / 150)
      return [op, generation, Math.floor(n / 20), n % 20, event(row, { plan: `v${n}` })]
    })
    const last = new Map(operations.map((operation, n) => [history[n]![0], operation]))
    const expected = [...last]
      .filter(([, [op]]) => op === 'upsert')
      .map(([row, [, , , , body]]) => `id-${row} ${(body as ReturnType<typeof event>).properties['plan' as 'time']}`)
      .sort()
    const arrivals = fc.sample(fc.shuffledSubarray([...operations, ...operations], { minLength: 500 }), {
      numRuns: 1,
      seed: 6,
    })[0]!
    for (let at = 0; at < arrivals.length; at += 60) {
      await send('3', ...arrivals.slice(at, at + 60))
      if (at === 240) await shown('3') // some are indexed before the crash, some are not
      if (at !== 300) continue
      await service.kill()
      await service.start()
    }
    await send('3', ...fc.sample(fc.shuffledSubarray(operations, { minLength: 400 }), { numRuns: 1, seed: 7 })[0]!)
    assert.deepEqual(await shown('3'), expected)
    await send('3', ...operations.slice(0, 200)) // old ones again, after all was indexed
    assert.deepEqual(await shown('3'), expected)
    const { rows } = (await (
      await service.query('3', 'SELECT count(*), count(DISTINCT insert_id) FROM mirrored_events')
    ).json()) as { rows: unknown[][] }
    assert.deepEqual(rows[0], rows[0]!.with(1, rows[0]![0]))
  })

  test('that were deleted do not come back by an older upsert that arrives late', async () => {
    await send('4', ['delete', 1, 5, 0, event(1)])
    assert.deepEqual(await shown('4'), []) // from here on the delete is indexed
    await send('4', ['upsert', 1, 4, 99, event(1, { plan: 'late' })])
    assert.deepEqual(await shown('4'), [])
    await send('4', ['upsert', 2, 1, 0, event(1, { plan: 'resynced' })])
    assert.deepEqual(await shown('4'), ['id-1 resynced'])
  })

  test('go with their import when it is deleted for good', async () => {
    await send(
      '5',
      ['upsert', 1, 1, 0, event(1, { plan: 'a' })],
      ['upsert', 1, 1, 1, event(2, { plan: 'b', $warehouse_import_id: 'import-2' })],
    )
    const response = await fetch(`${service.url}/api/projects/5/imports/import-1`, {
      method: 'DELETE',
      headers: { authorization: basic },
    })
    assert.equal(response.status, 202)
    assert.deepEqual(await shown('5'), ['id-2 b'])
  })

  test('of older generations go when their import begins anew, also those that arrive after that', async () => {
    const remove = (query: string) =>
      fetch(`${service.url}/api/projects/7/imports/import-1${query}`, {
        method: 'DELETE',
        headers: { authorization: basic },
      })
    const of = (generation: number, n: number, plan: string, importId = 'import-1'): Operation => [
      'upsert',
      generation,
      3,
      n,
      event(n, { plan, $warehouse_import_id: importId }),
    ]
    await service.import('7', JSON.stringify([event(9, { plan: 'plain' })]))
    await send('7', of(1, 1, 'old'), of(1, 2, 'other', 'import-2'), of(2, 3, 'new'))
    assert.equal((await shown('7')).length, 4) // what came so far is indexed
    await send('7', of(1, 4, 'old'))
    assert.equal((await remove('?before_generation=2')).status, 202)
    await send('7', of(1, 5, 'late'))
    const left = ['id-2 other', 'id-3 new', 'id-9 plain']
    assert.deepEqual(await shown('7'), left)
    await send('7', of(1, 6, 'later'), of(2, 7, 'new'))
    for (const generation of [1, 2]) assert.equal((await remove(`?before_generation=${generation}`)).status, 202)
    await send('7', of(1, 8, 'last'))
    await service.kill()
    await service.start()
    assert.deepEqual(await shown('7'), ['id-2 other', 'id-3 new', 'id-7 new', 'id-9 plain'])
    for (const wrong of ['0', '-1', 'x', '1.5']) assert.equal((await remove(`?before_generation=${wrong}`)).status, 400)
  })

  test('follow the rules of import, while a delete of what none would take is no failure', async () => {
    const bad = event(1, { distinct_id: 'anonymous' })
    const { status, answer } = await mirror(
      '6',
      JSON.stringify([
        ['upsert', 1, 1, 0, event(2, { plan: 'odd "quotes"\tand é', distinct_id: 'tab\tid' })],
        ['upsert', 1, 1, 1, bad],
        ['delete', 1, 1, 2, bad],
      ]),
    )
    assert.equal(status, 400)
    assert.equal(answer.num_records_imported, 2)
    assert.deepEqual(
      (answer.failed_records as { index: number; field: string }[]).map(({ index, field }) => [index, field]),
      [[1, 'properties.distinct_id']],
    )
    assert.deepEqual(await shown('6'), ['id-2 odd "quotes"\tand é'])
  })

  test('keep numbers and texts of their properties as they were sent, in lines of any layout', async () => {
    const body = `\n[ [ "upsert" , 1,2 , 3,\n{"event":"flight","properties":{"time":1700000000000,"distinct_id":"u","$insert_id":"exact",\n"plan":"x","big":12345678901234567890.10}} ]\t]\n`
    const { status } = await mirror('6', new Uint8Array(gzipSync(body)), { 'content-encoding': 'gzip' })
    assert.equal(status, 200)
    const { rows } = (await (
      await service.query(
        '6',
        "SELECT contains(properties, '12345678901234567890.10') FROM events WHERE insert_id = 'exact'",
      )
    ).json()) as { rows: unknown[][] }
    assert.deepEqual(rows, [[true]])
  })

  test('are refused as a whole when the body is no list of operations, or has too many', async () => {
    const good = JSON.stringify(event(1))
    for (const body of [
      '',
      '{}',
      '[',
      '[[]]',
      `[["drop",1,1,1,${good}]]`,
      `[["upsert",1,-1,1,${good}]]`,
      `[["upsert",1,1,1,${good}],]`,
      `[["upsert",1,1,1,${good},1]]`,
      `[["upsert",1,1,1,${good}]]x`,
    ]) {
      const { status, answer } = await mirror('1', body)
      assert.equal(status, 400, body)
      assert.match(String(answer.error), /not JSON/)
    }
    const three = JSON.stringify([1, 2, 3].map((n) => ['upsert', 1, 1, n, event(n)]))
    assert.equal((await mirror('small', three)).status, 413)
    assert.equal((await mirror('1', '[]', { authorization: 'Basic bm86Ym9keQ==' })).status, 401)
  })
})
