import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { PlanRequest } from '@millrace/warehouses/warehouse.ts'
import { CollectingSink } from './collecting-sink.ts'
import { KeptInMemory } from './kept-in-memory.ts'
import { Replica } from './mirror-replica.ts'
import { countsOf, keyedVisits, makeVisits, mirrorOf } from './postgres-mirrored.ts'
import { type PostgresSource, requestFor, signal, startSource } from './postgres-source.ts'

describe('a mirror of Postgres that cannot go on, or goes on later', () => {
  let source: PostgresSource
  before(async () => {
    source = await startSource()
  })
  after(() => source.stop())

  const sql = (text: string) => source.admin.query(text)
  const make = (name: string, columns: string, rows: number) => makeVisits(source, name, columns, rows)
  const mirror = (name: string, more: Partial<PlanRequest> = {}, rowsMax?: number) =>
    mirrorOf(source, name, more, rowsMax)

  it('stops before anything is read when a column is gone, and asks for a resync when the table is another one', async () => {
    await make('altered', keyedVisits, 10)
    const { replica, kept } = mirror('altered')
    await replica.run()
    const stored = kept.stored.size
    await sql('ALTER TABLE altered DROP COLUMN note')
    await assert.rejects(replica.run(), { code: 'schema_changed' })
    await make('altered', keyedVisits, 10)
    await assert.rejects(replica.run(), { code: 'resync_required', details: { reason: 'table_recreated' } })
    assert.equal(kept.stored.size, stored)
  })

  it('asks for a resync when what was kept is gone', async () => {
    await make('lost', keyedVisits, 10)
    const { replica, kept } = mirror('lost')
    await replica.run()
    const stored = [...kept.stored]
    kept.stored.clear()
    assert.deepEqual(countsOf(await replica.run()), [0, 0, 0, 0])
    await sql('UPDATE lost SET name = NULL')
    await assert.rejects(replica.run(), { code: 'resync_required', details: { reason: 'snapshot_gone' } })
    for (const [id, bytes] of stored) kept.stored.set(id, bytes)
    assert.deepEqual(countsOf(await replica.run()), [0, 10, 0, 0])
    kept.sets.clear()
    await assert.rejects(replica.run(), { code: 'resync_required', details: { reason: 'snapshot_gone' } })
  })

  it('is planned anew after an attempt that died anywhere, and ends the same', async () => {
    await make('killed', keyedVisits, 20_000)
    const { replica, kept, warehouse, request } = mirror('killed')
    await replica.run()
    await sql(`UPDATE killed SET note = 'x' WHERE id % 10 = 0; DELETE FROM killed WHERE id % 10 = 1`)
    const plan = (cut: number) => {
      let writes = 0
      kept.beforeWrite = () => {
        if (writes++ === cut) throw new Error('killed')
      }
      return warehouse.plan({ ...request, cursor: replica.cursor }, signal)
    }
    let cut = 0
    while (
      await plan(cut).then(
        () => false,
        (error) => error.message === 'killed',
      )
    ) {
      cut++
    }
    assert.ok(cut >= 3)
    kept.beforeWrite = () => undefined
    assert.deepEqual(countsOf(await replica.run()), [0, 2000, 2000, 0])
    assert.equal(kept.sets.size, 1)
    assert.equal(kept.stored.size, 64)
    assert.deepEqual(countsOf(await replica.run()), [0, 0, 0, 0])
  })

  it('is read the same after the table has changed again, without a snapshot being held', async () => {
    await make('later', keyedVisits, 100)
    const { kept, warehouse, request } = mirror('later')
    const { plan, pin } = await warehouse.plan(request, signal)
    assert.equal(pin.shared, null)
    await sql('DELETE FROM later')
    const { rows } = await sql(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'millrace-test' AND backend_xmin IS NOT NULL`,
    )
    assert.equal(rows[0].n, 0)
    const again = await warehouse.repin(plan, signal)
    assert.equal(again.rereadAll, false)
    const sink = new CollectingSink(plan.schema, 7, plan.before)
    for (const chunk of plan.chunks) await warehouse.readChunk(again.plan, chunk, null, sink, signal)
    assert.equal(sink.changes.length, 100)
    for (const id of kept.stored.keys()) kept.stored.delete(id)
    const [chunk] = plan.chunks
    await assert.rejects(warehouse.readChunk(plan, chunk!, null, sink, signal), { code: 'pin_lost' })
    await assert.rejects(warehouse.repin(plan, signal), { code: 'resync_required' })
  })

  it('needs SELECT on the table: places of rows are not among the columns that can be granted one by one', async () => {
    await make('granted', keyedVisits, 3)
    await sql(`CREATE ROLE some_columns LOGIN PASSWORD 'some'; GRANT SELECT (id, at, name) ON granted TO some_columns`)
    const kept = new KeptInMemory()
    const warehouse = source.open({ user: 'some_columns' }, { password: 'some' }, { kept: kept.reader })
    const replica = new Replica(warehouse, requestFor('granted', { mode: 'mirror', keep: kept.writer }))
    await assert.rejects(replica.run(), { code: 'permission_denied' })
    await sql('GRANT SELECT ON granted TO some_columns')
    assert.deepEqual(countsOf(await replica.run()), [3, 0, 0, 0])
  })

  it('of more rows than the limit, or of another kind than a table, is refused with the reason', async () => {
    await make('large', keyedVisits, 60)
    await assert.rejects(mirror('large', {}, 59).replica.run(), {
      code: 'mode_not_supported',
      message: /60 rows.*up to 59/,
      hint: /MILLRACE_MIRROR_ROWS/,
    })
    await sql(
      'CREATE VIEW large_view AS SELECT * FROM large; CREATE MATERIALIZED VIEW large_copy AS SELECT * FROM large',
    )
    for (const name of ['large_view', 'large_copy'])
      await assert.rejects(mirror(name).replica.run(), { code: 'mode_not_supported', message: /views, foreign tables/ })
    await sql('ANALYZE large')
    await assert.rejects(mirror('large', {}, 20).replica.run(), {
      code: 'mode_not_supported',
      message: /about 60 rows/,
    })
  })
})
