import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { PlanRequest, SyncCursor } from '@millrace/warehouses/warehouse.ts'
import {
  type BigQuerySource,
  field,
  readAll,
  readPlan,
  requestFor,
  shopTable,
  signal,
  startSource,
} from './bigquery-source.ts'

const day = (n: number) => `TIMESTAMPTZ '2024-01-0${n} 00:00:00.000001+00'`

describe('append from BigQuery', () => {
  let source: BigQuerySource
  let runs = 0
  before(async () => {
    source = await startSource()
  })
  after(() => source.stop())

  async function makeTable(name: string, type = 'TIMESTAMP') {
    const options = { timePartitioning: { type: 'DAY', field: 'at' } } as const
    await source.server.createTable('shop', name, [field('id', 'INTEGER'), field('at', type)], options)
  }

  async function run(name: string, cursor: SyncCursor | null, more: Partial<PlanRequest> = {}) {
    const request = { mode: 'append', insertTimeColumn: 'at', cursor, runId: `append-${runs++}`, ...more } as const
    const { plan, rows } = await readAll(source.warehouse, requestFor(name, request))
    return { ids: rows.map(({ values }) => Number(values[0])).sort((a, b) => a - b), plan, cursor: plan.nextCursor }
  }

  test('each run reads what came after the last one, to the microsecond', async () => {
    await makeTable('exact')
    const first = await run('exact', null)
    assert.deepEqual([first.ids, first.cursor], [[], null])
    await source.server.change('shop', 'exact', `INSERT INTO $table VALUES (1, ${day(1)}), (2, ${day(2)}), (3, NULL)`)
    const second = await run('exact', null)
    assert.deepEqual(
      [second.ids, second.plan.range?.hi, second.plan.rowsLeftOut],
      [[1, 2], '2024-01-02 00:00:00.000001', 1],
    )
    assert.deepEqual((await run('exact', second.cursor)).ids, [])
    await source.server.change(
      'shop',
      'exact',
      `INSERT INTO $table VALUES (4, ${day(2)} + INTERVAL 1 MICROSECOND), (5, ${day(2)})`,
    )
    const third = await run('exact', second.cursor)
    assert.deepEqual(third.ids, [4], 'a row that comes late with an old time needs an overlap')
  })

  test('an overlap reads late rows, and says how many rows are read again', async () => {
    await makeTable('late')
    await source.server.change(
      'shop',
      'late',
      `INSERT INTO $table VALUES (1, ${day(1)}), (2, ${day(2)}), (3, ${day(3)})`,
    )
    const overlapMs = 36 * 3600_000
    const first = await run('late', null, { overlapMs })
    assert.deepEqual([first.ids, first.plan.rowsReadAgain], [[1, 2, 3], 0])
    await source.server.change('shop', 'late', `INSERT INTO $table VALUES (4, ${day(2)}), (5, ${day(4)})`)
    const second = await run('late', first.cursor, { overlapMs })
    assert.deepEqual([second.ids, second.plan.rowsReadAgain], [[2, 3, 4, 5], 2])
  })

  for (const [type, from] of [
    ['DATE', "DATE '2024-01-0"],
    ['DATETIME', "TIMESTAMP '2024-01-0"],
  ] as const) {
    test(`a column of type ${type} works as insert time`, async () => {
      const name = `by_${type}`
      await makeTable(name, type)
      await source.server.change('shop', name, `INSERT INTO $table VALUES (1, ${from}1'), (2, ${from}2')`)
      const first = await run(name, null)
      await source.server.change('shop', name, `INSERT INTO $table VALUES (3, ${from}2'), (4, ${from}3')`)
      const second = await run(name, first.cursor)
      // A day is not over when it is first read, so its rows are read again.
      assert.deepEqual([first.ids, second.ids], [[1, 2], type === 'DATE' ? [2, 3, 4] : [4]])
    })
  }

  test('rows that come while a run reads belong to the next one, each row to exactly one', async () => {
    await makeTable('moving')
    await source.server.change(
      'shop',
      'moving',
      `INSERT INTO $table SELECT i, ${day(1)} + to_microseconds(i) FROM range(100) t(i)`,
    )
    const request = requestFor('moving', { mode: 'append', insertTimeColumn: 'at', chunkRows: 30, runId: 'moving-1' })
    const { plan, pin } = await source.warehouse.plan(request, signal)
    await source.server.change(
      'shop',
      'moving',
      `INSERT INTO $table SELECT i, ${day(1)} + to_microseconds(i) FROM range(100, 150) t(i)`,
    )
    await source.server.change('shop', 'moving', 'DELETE FROM $table WHERE id < 10')
    assert.equal(plan.chunks.length, 4)
    const ids = (await readPlan(source.warehouse, plan, pin.shared)).map(({ values }) => Number(values[0]))
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

  test('a view is read as it is when its rows are set aside', async () => {
    await makeTable('under_view')
    await source.server.change('shop', 'under_view', `INSERT INTO $table VALUES (1, ${day(1)}), (2, ${day(2)})`)
    await source.server.createView('shop', 'seen', 'SELECT id, `at` FROM shop.under_view WHERE id > 1')
    const first = await run('seen', null)
    await source.server.change('shop', 'under_view', `INSERT INTO $table VALUES (3, ${day(3)})`)
    assert.deepEqual([first.ids, (await run('seen', first.cursor)).ids], [[2], [3]])
  })

  test('a partitioned table costs its new partitions only, as the estimate says', async () => {
    await makeTable('wide')
    const rows = `SELECT i, TIMESTAMPTZ '2024-01-01 12:00:00+00' + to_days(i::INTEGER) FROM range(100) t(i)`
    await source.server.change('shop', 'wide', `INSERT INTO $table ${rows}`)
    const asked = { table: shopTable('wide'), mode: 'append', insertTimeColumn: 'at', overlapMs: 0 } as const
    const all = await source.warehouse.estimate({ ...asked, cursor: null }, signal)
    const cursor = { hi: '2024-04-05 12:00:00.000000', pin: {} }
    const some = await source.warehouse.estimate({ ...asked, cursor }, signal)
    assert.deepEqual([all?.bytes, some?.bytes], [1600, 5 * 16])
  })

  test('tables partitioned by ingestion time are refused, and so are columns that tell no time', async () => {
    const options = { timePartitioning: { type: 'DAY' } } as const
    await source.server.createTable('shop', 'ingested', [field('id', 'INTEGER'), field('at', 'TIMESTAMP')], options)
    await assert.rejects(run('ingested', null), { code: 'insert_time_column_invalid' })
    await makeTable('no_time')
    await assert.rejects(run('no_time', null, { insertTimeColumn: 'id' }), { code: 'insert_time_column_invalid' })
    await assert.rejects(run('no_time', null, { insertTimeColumn: 'gone' }), { code: 'column_not_found' })
  })

  test('a table that requires a filter on its partitions is read by append, and the reason is told elsewhere', async () => {
    const options = { timePartitioning: { type: 'DAY', field: 'at' }, requirePartitionFilter: true } as const
    await source.server.createTable('shop', 'filtered', [field('id', 'INTEGER'), field('at', 'TIMESTAMP')], options)
    await source.server.change('shop', 'filtered', `INSERT INTO $table VALUES (1, ${day(1)})`)
    assert.deepEqual((await run('filtered', null)).ids, [1])
    await assert.rejects(run('filtered', null, { mode: 'full' }), { code: 'mode_not_supported' })
  })
})
