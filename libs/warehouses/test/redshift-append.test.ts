import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { PlanRequest, SyncCursor } from '@millrace/warehouses/warehouse.ts'
import { nextRunId } from './mirror-replica.ts'
import { type RedshiftSource, requestFor, signal, startSource } from './redshift-source.ts'

const day = (n: number) => `TIMESTAMP '2024-01-0${n} 00:00:00.000001'`

describe('append from Redshift', () => {
  let source: RedshiftSource
  before(async () => {
    source = await startSource()
  })
  after(() => source.stop())

  const makeTable = (name: string, type = 'TIMESTAMP') => source.makeTable(name, `id INTEGER, at ${type}`)
  const insert = (name: string, values: string) => source.sql(`INSERT INTO shop.${name} VALUES ${values}`)
  async function run(name: string, cursor: SyncCursor | null, more: Partial<PlanRequest> = {}) {
    const request = { mode: 'append', insertTimeColumn: 'at', cursor, runId: nextRunId(), ...more } as const
    const { plan, rows } = await source.readAll(requestFor(name, request))
    return { ids: rows.map(({ values }) => Number(values[0])).sort((a, b) => a - b), plan, cursor: plan.nextCursor }
  }

  it('reads in each run what came after the last one, to the microsecond', async () => {
    await makeTable('exact')
    const first = await run('exact', null)
    assert.deepEqual([first.ids, first.cursor], [[], null])
    await insert('exact', `(1, ${day(1)}), (2, ${day(2)}), (3, NULL)`)
    const second = await run('exact', null)
    assert.deepEqual(
      [second.ids, second.plan.range?.hi, second.plan.rowsLeftOut],
      [[1, 2], '2024-01-02 00:00:00.000001', 1],
    )
    assert.deepEqual((await run('exact', second.cursor)).ids, [])
    await insert('exact', `(4, ${day(2)} + INTERVAL '1 microsecond'), (5, ${day(2)})`)
    const third = await run('exact', second.cursor)
    assert.deepEqual(third.ids, [4], 'a row that comes late with an old time needs an overlap')
  })

  it('reads late rows within an overlap, and says how many rows are read again', async () => {
    await makeTable('late')
    await insert('late', `(1, ${day(1)}), (2, ${day(2)}), (3, ${day(3)})`)
    const overlapMs = 36 * 3600_000
    const first = await run('late', null, { overlapMs })
    assert.deepEqual([first.ids, first.plan.rowsReadAgain], [[1, 2, 3], 0])
    await insert('late', `(4, ${day(2)}), (5, ${day(4)})`)
    const second = await run('late', first.cursor, { overlapMs })
    assert.deepEqual([second.ids, second.plan.rowsReadAgain], [[2, 3, 4, 5], 2])
  })

  for (const [type, ids] of [
    ['DATE', [2, 3, 4]],
    ['TIMESTAMPTZ', [4]],
  ] as const) {
    it(`takes a column of type ${type} as insert time`, async () => {
      const name = `by_${type.toLowerCase()}`
      await makeTable(name, type)
      await insert(name, "(1, '2024-01-01'), (2, '2024-01-02')")
      const first = await run(name, null)
      await insert(name, "(3, '2024-01-02'), (4, '2024-01-03')")
      // A day is not over when it is first read, so its rows are read again.
      assert.deepEqual([first.ids, (await run(name, first.cursor)).ids], [[1, 2], ids])
    })
  }

  it('leaves rows that come while a run reads to the next one, each row to exactly one', async () => {
    await makeTable('moving')
    await source.sql(
      `INSERT INTO shop.moving SELECT i, ${day(1)} + i * INTERVAL '1 microsecond' FROM generate_series(0, 99) i`,
    )
    const request = requestFor('moving', { mode: 'append', insertTimeColumn: 'at', chunkRows: 30, runId: nextRunId() })
    const { plan, pin } = await source.warehouse.plan(request, signal)
    await source.sql(
      `INSERT INTO shop.moving SELECT i, ${day(1)} + i * INTERVAL '1 microsecond' FROM generate_series(100, 149) i; DELETE FROM shop.moving WHERE id < 10`,
    )
    const ids = (await source.readPlan(plan, pin.shared)).map(({ values }) => Number(values[0]))
    assert.deepEqual(
      ids.sort((a, b) => a - b),
      Array.from({ length: 100 }, (_, i) => i),
    )
    const next = await run('moving', plan.nextCursor)
    assert.deepEqual(
      next.ids,
      Array.from({ length: 50 }, (_, i) => 100 + i),
    )
  })

  it('reads a view as it is when its rows are set aside', async () => {
    await makeTable('under_view')
    await insert('under_view', `(1, ${day(1)}), (2, ${day(2)})`)
    await source.makeView('seen', 'SELECT id, at FROM shop.under_view WHERE id > 1')
    const first = await run('seen', null)
    await insert('under_view', `(3, ${day(3)})`)
    assert.deepEqual([first.ids, (await run('seen', first.cursor)).ids], [[2], [3]])
  })

  it('refuses columns that tell no time, or are gone', async () => {
    await makeTable('no_time')
    await assert.rejects(run('no_time', null, { insertTimeColumn: 'id' }), { code: 'insert_time_column_invalid' })
    await assert.rejects(run('no_time', null, { insertTimeColumn: 'gone' }), { code: 'column_not_found' })
  })
})
