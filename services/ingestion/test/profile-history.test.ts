import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { basic, RunningService } from './running-service.ts'

type Operation = readonly ['upsert' | 'delete', generation: number, runSeq: number, ordinal: number, row: unknown]

/** What a user was from `time` on. */
function row(n: number, id: string, time: number, plan: string, more: object = {}) {
  const $insert_id = `row-${n}`
  return {
    $distinct_id: id,
    $time: time,
    $insert_id,
    $event: 'people',
    $warehouse_import_id: 'import-1',
    $set: { plan },
    ...more,
  }
}

const day = 86_400_000
const start = Date.UTC(2024, 0, 1)

describe('profile history', () => {
  const service = new RunningService()
  before(async () => {
    await service.start()
    for (const id of ['1', '2', '3', '4']) await service.putProject(id)
  })
  after(() => service.close())

  async function send(projectId: string, body: unknown) {
    const response = await fetch(`${service.url}/mirror/profiles?project_id=${projectId}`, {
      method: 'POST',
      headers: { authorization: basic, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> }
  }

  async function taken(projectId: string, ...operations: Operation[]) {
    const { status, answer } = await send(projectId, operations)
    assert.equal(status, 200, JSON.stringify(answer))
  }

  async function select(projectId: string, sql: string): Promise<unknown[][]> {
    const answer = (await (await service.query(projectId, sql, { rowsMax: 10_000 })).json()) as { rows: unknown[][] }
    return answer.rows
  }

  const history = `SELECT group_key, id, (start_ms - ${start}) // ${day}, (end_ms - ${start}) // ${day}, properties->>'$.plan'
    FROM profile_history ORDER BY group_key, id, start_ms`
  const shown = async (projectId: string) =>
    (await select(projectId, history)).map(([group, id, from, to, plan]) => [group, id, number(from), number(to), plan])

  test('ends a row where the next one of the same id begins, and has a hidden event for each row', async () => {
    const group = { $distinct_id: undefined, $group_key: 'company', $group_id: 'ann' }
    await taken(
      '1',
      ['upsert', 1, 1, 0, row(1, 'ann', start, 'free')],
      ['upsert', 1, 1, 1, row(2, 'ann', start + 5 * day, 'pro')],
      ['upsert', 1, 1, 2, row(3, 'bob', start + 2 * day, 'free')],
      ['upsert', 1, 1, 3, row(4, '', start + 3 * day, 'big', group)],
    )
    assert.deepEqual(await shown('1'), [
      ['', 'ann', 0, 5, 'free'],
      ['', 'ann', 5, null, 'pro'],
      ['', 'bob', 2, null, 'free'],
      ['company', 'ann', 3, null, 'big'],
    ])
    const hidden = await select('1', 'SELECT event, distinct_id FROM hidden_events ORDER BY time_ms')
    assert.deepEqual(hidden, [
      ['people', 'ann'],
      ['people', 'bob'],
      ['people', 'ann'],
      ['people', 'ann'],
    ])
    assert.equal((await service.read('1', 'counts/events')).total, 0)
  })

  test('changes its ends with a row that comes late, moves or goes', async () => {
    await taken(
      '2',
      ['upsert', 1, 1, 0, row(1, 'ann', start, 'a')],
      ['upsert', 1, 1, 1, row(2, 'ann', start + 9 * day, 'c')],
    )
    await taken('2', ['upsert', 1, 2, 0, row(3, 'ann', start + 4 * day, 'b')])
    assert.deepEqual(await shown('2'), [
      ['', 'ann', 0, 4, 'a'],
      ['', 'ann', 4, 9, 'b'],
      ['', 'ann', 9, null, 'c'],
    ])
    const { $set, ...old } = row(3, 'ann', start + 4 * day, 'b')
    await taken(
      '2',
      ['delete', 1, 3, 0, { ...old, $delete: '' }],
      ['upsert', 1, 3, 0, row(3, 'ann', start + 6 * day, 'b')],
    )
    assert.deepEqual(
      (await shown('2')).map(([, , from, to]) => [from, to]),
      [
        [0, 6],
        [6, 9],
        [9, null],
      ],
    )
    await taken('2', ['delete', 1, 4, 0, { ...row(3, 'ann', start + 6 * day, ''), $delete: '' }])
    assert.equal((await shown('2')).length, 2) // from here on the delete is indexed
    await taken('2', ['upsert', 1, 2, 9, row(3, 'ann', start + 6 * day, 'late')])
    assert.deepEqual(
      (await shown('2')).map(([, , from, to]) => [from, to]),
      [
        [0, 9],
        [9, null],
      ],
    )
    assert.equal($set.plan, 'b')
  })

  test('ends the same in whatever order and however often rows arrive', async () => {
    const steps = fc.sample(
      fc.tuple(fc.nat(9), fc.constantFrom('upsert' as const, 'upsert' as const, 'delete' as const)),
      {
        numRuns: 150,
        seed: 3,
      },
    )
    const operations = steps.map(
      ([n, op], i): Operation => [
        op,
        1,
        1 + Math.floor(i / 10),
        i % 10,
        row(n, `user-${n % 3}`, start + n * day, `v${i}`),
      ],
    )
    const last = new Map(steps.map(([n], i) => [n, i]))
    const expected = [...last]
      .filter(([, i]) => steps[i]![1] === 'upsert')
      .map(([n, i]) => [`user-${n % 3}`, n, `v${i}`])
    const arrivals = fc.sample(fc.shuffledSubarray([...operations, ...operations], { minLength: 300 }), {
      numRuns: 1,
      seed: 4,
    })[0]!
    for (let at = 0; at < arrivals.length; at += 50) {
      await taken('3', ...arrivals.slice(at, at + 50))
      if (at === 100) await shown('3')
    }
    const found = (await shown('3')).map(([, id, from, , plan]) => [id, from, plan])
    assert.deepEqual(found.sort(), expected.sort())
  })

  test('refuses rows that break the rules and names the field, but no delete', async () => {
    const bad: [object, string][] = [
      [row(1, 'ann', start, 'x', { $time: 5 }), '$time'],
      [row(1, 'ann', start, 'x', { $time: Date.now() + 2 * 3_600_000 }), '$time'],
      [row(1, 'ann', start, 'x', { $time: '2024-01-01' }), '$time'],
      [row(1, 'anonymous', start, 'x'), '$distinct_id'],
      [row(1, 'ann', start, 'x', { $insert_id: 'a/b' }), '$insert_id'],
      [row(1, 'ann', start, 'x', { $event: '' }), '$event'],
      [row(1, 'ann', start, 'x', { $set: { list: [1] } }), '$set.list'],
      [row(1, 'ann', start, 'x', { $set: { object: {} } }), '$set.object'],
      [row(1, 'ann', start, 'x', { $set: { nul: 'a\u0000' } }), '$set'],
      [row(1, 'ann', start, 'x', { $set: null }), '$set'],
    ]
    const { status, answer } = await send('4', [
      ...bad.map(([each], n) => ['upsert', 1, 1, n, each]),
      ['delete', 1, 1, 98, bad[0]![0]],
      ['upsert', 1, 1, 99, row(9, 'ann', start, 'good')],
    ])
    assert.equal(status, 400)
    assert.equal(answer.num_records_imported, 2)
    assert.deepEqual(
      (answer.failed_records as { index: number; field: string }[]).map(({ index, field }) => [index, field]),
      bad.map(([, field], n) => [n, field]),
    )
    assert.deepEqual(await shown('4'), [['', 'ann', 0, null, 'good']])
    for (const body of [{}, [[]], [['upsert', 1, 1, 1]], [['upsert', 1, 1, -1, {}]], [['drop', 1, 1, 1, {}]]])
      assert.equal((await send('4', body)).status, 400)
  })
})

function number(value: unknown): number | null {
  return value === null ? null : Number(value)
}
