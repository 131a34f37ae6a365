import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { SyncCursor } from '@millrace/warehouses/warehouse.ts'
import fc from 'fast-check'
import { type PostgresSource, readAll, requestFor, signal, startSource } from './postgres-source.ts'

describe('append from Postgres', () => {
  let source: PostgresSource

  before(async () => {
    source = await startSource()
  })
  after(() => source.stop())

  async function run(name: string, cursor: SyncCursor | null, overlapMs = 0, chunkRows = 250_000) {
    const request = requestFor(name, { mode: 'append', insertTimeColumn: 't', cursor, overlapMs, chunkRows })
    const { plan, rows } = await readAll(source.warehouse, request)
    return {
      plan,
      ids: rows.map((row) => Number(row.values[0])).sort((a, b) => a - b),
      cursor: plan.nextCursor ?? cursor,
    }
  }

  for (const type of ['timestamptz', 'timestamp']) {
    it(`reads each row of a ${type} column in one run, with equal times and microseconds`, async () => {
      const name = `grows_${type}`
      await source.admin.query(`CREATE TABLE ${name} (id serial, t ${type})`)
      let cursor: SyncCursor | null = null
      const seen: number[] = []
      for (let round = 0; round < 4; round++) {
        // One microsecond apart, two of each.
        await source.admin.query(
          `INSERT INTO ${name} (t) SELECT (timestamp '2024-05-05 05:05:05.999998' + i * interval '1 microsecond')::${type}
           FROM generate_series($1::int, $2::int) AS i, generate_series(1, 2)`,
          [round * 3, round * 3 + 2],
        )
        const result = await run(name, cursor)
        cursor = result.cursor
        seen.push(...result.ids)
      }
      assert.deepEqual(
        seen,
        Array.from({ length: 24 }, (_, i) => i + 1),
      )
      assert.deepEqual((await run(name, cursor)).ids, [], 'nothing new, nothing read')
    })
  }

  it('reads again what the overlap covers, so that rows which become visible late are not lost', async () => {
    await source.admin.query(
      `CREATE TABLE late (id int, t timestamptz); INSERT INTO late VALUES (1, '2024-01-01 00:00:00'), (2, '2024-01-01 00:00:10')`,
    )
    const first = await run('late', null, 8000)
    assert.deepEqual(first.ids, [1, 2])
    await source.admin.query(`INSERT INTO late VALUES (3, '2024-01-01 00:00:05'), (4, '2024-01-01 00:00:01')`)
    assert.deepEqual((await run('late', first.cursor, 0)).ids, [])
    const second = await run('late', first.cursor, 8000)
    assert.deepEqual(second.ids, [2, 3])
    assert.equal(second.cursor?.hi, first.cursor?.hi)
  })

  for (const [type, later, before] of [
    ['date', '2024-05-05', '2024-05-04'],
    ['timestamptz(0)', '2024-05-05 05:05:05', '2024-05-05 05:05:04'],
    ['timestamp(3)', '2024-05-05 05:05:05.005', '2024-05-05 05:05:05.004'],
  ] as const) {
    it(`reads rows that come later at the very time of the last one, in a column of type ${type}`, async () => {
      const name = `coarse_${type.replaceAll(/\W/g, '')}`
      await source.admin.query(
        `CREATE TABLE ${name} (id int, t ${type}); INSERT INTO ${name} VALUES (1, $$${before}$$), (2, $$${later}$$)`,
      )
      const first = await run(name, null)
      assert.deepEqual(first.ids, [1, 2])
      await source.admin.query(`INSERT INTO ${name} VALUES (3, $$${later}$$)`)
      const second = await run(name, first.cursor)
      assert.deepEqual([second.ids, second.plan.rowsReadAgain], [[2, 3], 1])
      assert.equal((await run(name, second.cursor)).plan.rowsReadAgain, 2)
    })
  }

  it('says how many rows it reads again: neither new ones, nor late ones, nor copies are among them', async () => {
    await source.admin.query(`CREATE TABLE again (id int, t timestamptz); INSERT INTO again
      SELECT i, timestamptz '2024-01-01' + i * interval '1 second' FROM generate_series(1, 20) AS i;
      INSERT INTO again SELECT * FROM again WHERE id = 20`)
    const first = await run('again', null, 5000)
    assert.deepEqual([first.ids.length, first.plan.rowsReadAgain], [21, 0])
    await source.admin.query(`INSERT INTO again VALUES (100, '2024-01-01 00:00:18.5'), (101, '2024-01-01 00:00:30')`)
    const second = await run('again', first.cursor, 5000)
    assert.deepEqual([second.ids.length, second.plan.rowsReadAgain], [8, 5])
    const wider = await run('again', second.cursor, 60_000)
    assert.deepEqual([wider.ids.length, wider.plan.rowsReadAgain], [23, 22])
    const none = await run('again', second.cursor)
    assert.deepEqual([none.ids.length, none.plan.rowsReadAgain], [0, 0])
  })

  it('leaves out rows without a time or at the ends of time, and says how many', async () => {
    await source.admin.query(`CREATE TABLE timeless (id int, t timestamptz);
      INSERT INTO timeless VALUES (1, NULL), (2, 'infinity'), (3, '-infinity'), (4, '2024-01-01')`)
    const first = await run('timeless', null)
    assert.deepEqual(first.ids, [4])
    assert.equal(first.plan.rowsLeftOut, 3)
    assert.equal(first.cursor?.hi, '2024-01-01 00:00:00+00')
  })

  it('keeps its place when the latest rows are deleted or the table is empty', async () => {
    await source.admin.query(
      `CREATE TABLE shrinks (id int, t timestamptz); INSERT INTO shrinks VALUES (1, '2024-01-02')`,
    )
    const { cursor } = await run('shrinks', null)
    await source.admin.query(`UPDATE shrinks SET t = '2024-01-01'`)
    assert.deepEqual((await run('shrinks', cursor)).cursor, cursor)
    await source.admin.query('DELETE FROM shrinks')
    assert.deepEqual((await run('shrinks', cursor)).cursor, cursor)
    const empty = await run('shrinks', null)
    assert.deepEqual([empty.plan.chunks.length, empty.plan.nextCursor], [0, null])
  })

  it('counts rows up to hi only, whatever is written while it reads', async () => {
    await source.admin.query(`CREATE TABLE busy AS SELECT i AS id, timestamptz '2024-01-01' + i * interval '1 second' AS t, repeat('x', 100) AS filler
      FROM generate_series(1, 20000) AS i; ANALYZE busy`)
    const request = requestFor('busy', { mode: 'append', insertTimeColumn: 't', chunkRows: 4000 })
    const { plan, pin } = await source.warehouse.plan(request, signal)
    assert.ok(plan.chunks.length > 3)
    await source.admin.query(`INSERT INTO busy SELECT i, timestamptz '2024-01-01' + i * interval '1 second', '' FROM generate_series(20001, 21000) AS i;
      INSERT INTO busy VALUES (0, '2024-01-01', '')`)
    assert.equal(await source.warehouse.countIdentical(plan, pin.shared, signal), 0)
    await pin.close()
    const next = await run('busy', plan.nextCursor, 0, 4000)
    assert.equal(next.ids.length, 1000)
  })

  it('reads any history of inserts whole, each row once, without an overlap when commits come in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 8 }), { maxLength: 5 }),
        async (rounds) => {
          await source.admin.query('DROP TABLE IF EXISTS history; CREATE TABLE history (id serial, t timestamptz)')
          let cursor: SyncCursor | null = null
          let clock = 0
          const seen: number[] = []
          for (const steps of rounds) {
            clock++ // the next run's times lie after those of this one
            for (const step of steps) {
              clock += step
              await source.admin.query(
                `INSERT INTO history (t) VALUES (timestamptz '2024-01-01' + $1 * interval '1 microsecond')`,
                [clock],
              )
            }
            const result = await run('history', cursor)
            cursor = result.cursor
            seen.push(...result.ids)
          }
          assert.deepEqual(
            seen,
            Array.from({ length: rounds.flat().length }, (_, i) => i + 1),
          )
        },
      ),
      { numRuns: 8, seed: 3 },
    )
  })

  it('needs a column that tells a time', async () => {
    await source.admin.query('CREATE TABLE numbered (id int, t bigint)')
    await assert.rejects(run('numbered', null), { code: 'insert_time_column_invalid' })
    const missing = requestFor('numbered', { mode: 'append', insertTimeColumn: 'gone' })
    await assert.rejects(source.warehouse.plan(missing, signal), { code: 'column_not_found' })
  })
})
