import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import { startTcpProxy } from '@millrace/testkit/tcp-proxy.ts'
import fc from 'fast-check'
import { CollectingSink, type Row } from './collecting-sink.ts'
import {
  type PostgresSource,
  publicTable,
  readAll,
  readChunk,
  requestFor,
  signal,
  startSource,
} from './postgres-source.ts'

const numbers = (rows: readonly Row[]) => rows.map((row) => Number(row.values[0])).sort((a, b) => a - b)
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

describe('a run of Postgres', () => {
  let source: PostgresSource

  before(async () => {
    source = await startSource()
    await source.admin.query(`
      CREATE TABLE many (id int, filler text) WITH (autovacuum_enabled = off);
      INSERT INTO many SELECT i, repeat('x', 150) FROM generate_series(1, 20000) AS i; ANALYZE many;
      CREATE TABLE parted (id int, filler text) PARTITION BY RANGE (id);
      CREATE TABLE part_a PARTITION OF parted FOR VALUES FROM (0) TO (1000);
      CREATE TABLE part_b PARTITION OF parted FOR VALUES FROM (1000) TO (100000);
      INSERT INTO parted SELECT i, repeat('x', 150) FROM generate_series(1, 20000) AS i; ANALYZE parted;
      CREATE VIEW shown AS SELECT id FROM many`)
  })
  after(() => source.stop())

  for (const name of ['many', 'parted']) {
    it(`reads every row of ${name} once, however the table is cut`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 500, max: 30_000 }), async (chunkRows) => {
          const { plan, rows } = await readAll(source.warehouse, requestFor(name, { chunkRows }))
          assert.equal(plan.chunks.length > 1, chunkRows < 19_000)
          assert.deepEqual(numbers(rows), upTo(20_000))
        }),
        { numRuns: 4, seed: 11 },
      )
    })
  }

  it('reads a view as one chunk', async () => {
    const { plan, rows } = await readAll(source.warehouse, requestFor('shown', { chunkRows: 1000 }))
    assert.equal(plan.chunks.length, 1)
    assert.equal(rows.length, 20_000)
  })

  it('sees the rows of the moment it was planned in all of its chunks, from every process', async () => {
    await source.admin.query('CREATE TABLE moving AS SELECT * FROM many; ANALYZE moving')
    const { plan, pin } = await source.warehouse.plan(requestFor('moving', { chunkRows: 5000 }), signal)
    const rows = [...(await readChunk(source.warehouse, plan, plan.chunks[0]!, pin))]
    await source.admin.query(`DELETE FROM moving WHERE id % 3 = 0; UPDATE moving SET id = id + 100000 WHERE id % 3 = 1;
      INSERT INTO moving VALUES (999999, 'late')`)
    await source.admin.query('VACUUM moving')
    const elsewhere = source.open()
    for (const chunk of plan.chunks.slice(1)) rows.push(...(await readChunk(elsewhere, plan, chunk, pin)))
    assert.deepEqual(numbers(rows), upTo(20_000))
    await pin.close()
  })

  it('says pin_lost before any row when the connection that holds the snapshot is gone, and pins again', async () => {
    const { plan, pin } = await source.warehouse.plan(requestFor('many', { chunkRows: 5000 }), signal)
    await source.admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace-test'`,
    )
    const sink = new CollectingSink(plan.schema)
    const reading = () => source.warehouse.readChunk(plan, plan.chunks[0]!, pin.shared, sink, signal)
    // The server needs a moment to end the session.
    await until(() =>
      reading().then(
        () => false,
        (error) => error.code === 'pin_lost',
      ),
    )
    sink.rows.length = 0
    await assert.rejects(reading(), { code: 'pin_lost' })
    assert.equal(sink.rows.length, 0)
    const again = await source.warehouse.repin(plan, signal)
    assert.equal(again.rereadAll, true)
    const rows: Row[] = []
    for (const chunk of again.plan.chunks)
      rows.push(...(await readChunk(source.warehouse, again.plan, chunk, again.pin)))
    assert.deepEqual(numbers(rows), upTo(20_000))
    await again.pin.close()
  })

  it('stops when the table was changed before it could be pinned again', async () => {
    await source.admin.query('CREATE TABLE changing (a int)')
    const { plan, pin } = await source.warehouse.plan(requestFor('changing'), signal)
    await pin.close()
    await source.admin.query('ALTER TABLE changing ALTER a TYPE bigint')
    await assert.rejects(source.warehouse.repin(plan, signal), { code: 'schema_changed' })
  })

  it('waits whenever the sink asks to, and hands over every row once', async () => {
    const { plan, pin } = await source.warehouse.plan(requestFor('many'), signal)
    const sink = new CollectingSink(plan.schema, 7)
    assert.deepEqual(await source.warehouse.readChunk(plan, plan.chunks[0]!, pin.shared, sink, signal), {
      rows: 20_000,
    })
    assert.ok(sink.pauses > 2000)
    assert.deepEqual(numbers(sink.rows), upTo(20_000))
    await pin.close()
  })

  it('hands the reason on when the sink ends the read, and stops the statement', async () => {
    const { plan, pin } = await source.warehouse.plan(requestFor('many'), signal)
    const reason = new Error('lease lost')
    const sink = { change: () => false, insert: () => false, drained: () => Promise.reject(reason) }
    await assert.rejects(source.warehouse.readChunk(plan, plan.chunks[0]!, pin.shared, sink, signal), reason)
    await pin.close()
    await until(async () => (await ownSessions()) === 0)
  })

  it('stops a long statement on the server when it is cancelled', async () => {
    await source.admin.query('CREATE VIEW slow AS SELECT 1 AS a FROM pg_sleep(60)')
    const { plan, pin } = await source.warehouse.plan(requestFor('slow'), signal)
    const abort = new AbortController()
    const reading = source.warehouse.readChunk(
      plan,
      plan.chunks[0]!,
      pin.shared,
      new CollectingSink(plan.schema),
      abort.signal,
    )
    const active = () =>
      source.admin
        .query(
          `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%"slow"%' AND state = 'active' AND pid <> pg_backend_pid()`,
        )
        .then((found) => found.rowCount)
    await until(active)
    const reason = new Error('cancelled by the user')
    abort.abort(reason)
    await assert.rejects(reading, reason)
    await until(async () => (await active()) === 0)
    await pin.close()
  })

  it('takes no chunk for whole whose connection was cut', async () => {
    const proxy = await startTcpProxy({ target: { host: '127.0.0.1', port: source.server.port } })
    const through = source.open({ port: proxy.port })
    const { plan, pin } = await source.warehouse.plan(requestFor('many'), signal)
    const sink = new CollectingSink(plan.schema)
    proxy.set('downstream', { type: 'limit_data', bytes: 1_000_000 })
    await assert.rejects(through.readChunk(plan, plan.chunks[0]!, pin.shared, sink, signal), {
      code: 'connection_lost',
    })
    assert.ok(sink.rows.length > 0 && sink.rows.length < 20_000)
    await pin.close()
    await through.close()
    await proxy.close()
  })

  it('passes a row of 5 MB on, and refuses one that is larger than the limit without dying of it', async () => {
    await source.admin.query(`CREATE TABLE large (id int, t text); ALTER TABLE large ALTER t SET STORAGE EXTERNAL;
      INSERT INTO large VALUES (1, 'a'), (2, repeat('x', 5000000)), (3, 'b')`)
    const { rows } = await readAll(source.warehouse, requestFor('large'))
    assert.deepEqual(
      rows.map((row) => String(row.values[1]).length),
      [1, 5_000_000, 1],
    )
    await source.admin.query(`INSERT INTO large VALUES (4, repeat('x', 40000000))`)
    await assert.rejects(readAll(source.warehouse, requestFor('large')), { code: 'row_too_large' })
  })

  it('cannot write, whatever the role may do', async () => {
    await source.admin.query(`CREATE TABLE target (a int);
      CREATE FUNCTION write_it() RETURNS int VOLATILE LANGUAGE sql AS 'INSERT INTO public.target VALUES (1) RETURNING a';
      CREATE VIEW writing AS SELECT write_it() AS a`)
    await assert.rejects(
      source.warehouse.preview(
        publicTable('writing'),
        [],
        10,
        new CollectingSink({ table: '', columns: [], key: [] }),
        signal,
      ),
      { code: 'query_failed', cause: '25006' },
    )
    assert.equal((await source.admin.query('SELECT 1 FROM target')).rowCount, 0)
  })

  async function ownSessions(): Promise<number> {
    const { rowCount } = await source.admin.query(
      `SELECT 1 FROM pg_stat_activity WHERE application_name = 'millrace-test'`,
    )
    return rowCount ?? 0
  }
})
