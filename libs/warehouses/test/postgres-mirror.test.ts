import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { until } from '@millrace/local-stack/servers/until.ts'
import type { PlanRequest } from '@millrace/warehouses/warehouse.ts'
import { CollectingSink } from './collecting-sink.ts'
import { countsOf, keyedVisits, makeVisits, mirrorOf, visitColumns } from './postgres-mirrored.ts'
import { type PostgresSource, requestFor, signal, startSource } from './postgres-source.ts'

describe('a mirrored table of Postgres', () => {
  let source: PostgresSource
  before(async () => {
    source = await startSource()
  })
  after(() => source.stop())

  const sql = (text: string) => source.admin.query(text)
  const make = (name: string, columns: string, rows: number) => makeVisits(source, name, columns, rows)
  const mirror = (name: string, more: Partial<PlanRequest> = {}, rowsMax?: number) =>
    mirrorOf(source, name, more, rowsMax)

  it('sends everything first, then what was inserted, changed and deleted, with the old values', async () => {
    await make('visits', keyedVisits, 3000)
    const { replica } = mirror('visits', { chunkRows: 500 })
    assert.deepEqual(countsOf(await replica.run()), [3000, 0, 0, 0])
    assert.equal(replica.rows.size, 3000)
    assert.deepEqual(countsOf(await replica.run()), [0, 0, 0, 0])
    await sql(`UPDATE visits SET name = 'other' WHERE id = 5; DELETE FROM visits WHERE id = 6;
      INSERT INTO visits VALUES (4001, '2026-02-01', 'new', NULL)`)
    const { plan, changes } = await replica.run()
    assert.deepEqual(countsOf({ plan }), [1, 1, 1, 0])
    assert.deepEqual(changes.map(({ op, before }) => [op, before?.[0]]).sort(), [
      ['delete', 'n6'],
      ['insert', undefined],
      ['update', 'n5'],
    ])
  })

  it('costs one pass over the table when nothing has changed', async () => {
    await make('unchanged', keyedVisits, 3000)
    const { replica, kept } = mirror('unchanged')
    await replica.run()
    const scans = async () => {
      const { rows } = await sql(`SELECT pg_stat_clear_snapshot(), seq_scan::int AS n, seq_tup_read::int AS tuples
        FROM pg_stat_user_tables WHERE relname = 'unchanged'`)
      return rows[0] as { n: number; tuples: number }
    }
    const isWritten = new Set(kept.stored.keys())
    // Two passes of the first run, which a session reports when it ends.
    await until(async () => (await scans()).tuples >= 6000, { what: 'the statistics of the first run' })
    const started = await scans()
    await replica.run()
    await until(async () => (await scans()).tuples - started.tuples >= 3000, { what: 'the statistics of the run' })
    const ended = await scans()
    assert.equal(ended.tuples - started.tuples, 3000)
    assert.deepEqual(new Set(kept.stored.keys()), isWritten)
  })

  it('keeps only the buckets anew in which something has changed', async () => {
    await make('buckets', keyedVisits, 20_000)
    const { replica, kept } = mirror('buckets')
    await replica.run()
    const all = new Set(kept.stored.keys())
    assert.equal(all.size, 64)
    await sql(`UPDATE buckets SET note = 'x' WHERE id = 77`)
    assert.deepEqual(countsOf(await replica.run()), [0, 1, 0, 0])
    assert.equal([...kept.stored.keys()].filter((id) => !all.has(id)).length, 1)
    assert.equal(kept.stored.size, 64)
    assert.equal(kept.sets.size, 1)
  })

  it('divides its rows into more buckets as it grows, and into fewer as it shrinks', async () => {
    await make('growing', keyedVisits, 600)
    const { replica, kept } = mirror('growing')
    await replica.run()
    assert.equal(kept.stored.size, 2)
    await sql(
      `INSERT INTO growing SELECT i, now(), 'late', NULL FROM generate_series(601, 9000) AS i; DELETE FROM growing WHERE id = 1`,
    )
    assert.deepEqual(countsOf(await replica.run()), [8400, 0, 1, 0])
    assert.equal(kept.stored.size, 32)
    assert.deepEqual(countsOf(await replica.run()), [0, 0, 0, 0])
    await sql(`DELETE FROM growing WHERE id > 700; UPDATE growing SET note = 'y' WHERE id = 2`)
    assert.deepEqual(countsOf(await replica.run()), [0, 1, 8300, 0])
    assert.equal(kept.stored.size, 2)
    await sql('TRUNCATE growing')
    assert.deepEqual(countsOf(await replica.run()), [0, 0, 699, 0])
    assert.equal(replica.rows.size, 0)
    assert.equal(kept.stored.size, 0)
  })

  it('says nothing of an added column until it has values, and of NULLs at the end', async () => {
    await make('wider', keyedVisits, 40)
    await make('wider_whole', visitColumns, 40)
    for (const name of ['wider', 'wider_whole']) {
      const { replica } = mirror(name)
      await replica.run()
      await sql(`ALTER TABLE ${name} ADD COLUMN tag text`)
      assert.deepEqual(countsOf(await replica.run()), [0, 0, 0, 0])
      await sql(`UPDATE ${name} SET tag = 't' WHERE id < 4`)
      assert.deepEqual(countsOf(await replica.run()), name === 'wider' ? [0, 3, 0, 0] : [3, 0, 3, 0])
    }
  })

  it('takes identical rows for one, and of rows with one key the same one every time', async () => {
    await make('twins', visitColumns, 30)
    await sql('INSERT INTO twins SELECT * FROM twins WHERE id <= 10')
    const { replica } = mirror('twins')
    assert.deepEqual(countsOf(await replica.run()), [30, 0, 0, 10])
    await sql('DELETE FROM twins WHERE ctid IN (SELECT min(ctid) FROM twins GROUP BY id HAVING count(*) > 1)')
    assert.deepEqual(countsOf(await replica.run()), [0, 0, 0, 0])
    const keyed = mirror('twins', { identity: ['name'] })
    assert.deepEqual(countsOf(await keyed.replica.run()), [7, 0, 0, 23])
    await sql('CREATE TABLE again (LIKE twins); INSERT INTO again SELECT * FROM twins ORDER BY id DESC')
    await sql('DELETE FROM twins; INSERT INTO twins SELECT * FROM again')
    assert.deepEqual(countsOf(await keyed.replica.run()), [0, 0, 0, 23])
  })

  it('finds the rows of every partition', async () => {
    await sql(`DROP TABLE IF EXISTS parts; CREATE TABLE parts (${visitColumns}) PARTITION BY RANGE (id);
      CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
      CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (1000) TO (5000)`)
    await sql(`INSERT INTO parts SELECT i, '2026-01-01', 'n' || i, NULL FROM generate_series(1, 2000) AS i`)
    for (const identity of [[], ['id']]) {
      const { replica } = mirror('parts', { identity })
      assert.deepEqual(countsOf(await replica.run()), [2000, 0, 0, 0])
      await sql(
        `UPDATE parts SET note = coalesce(note, '') || 'x' WHERE id IN (3, 1003); DELETE FROM parts WHERE id IN (4, 1004)`,
      )
      assert.deepEqual(countsOf(await replica.run()), identity.length === 0 ? [2, 0, 4, 0] : [0, 2, 2, 0])
      await sql(`INSERT INTO parts SELECT i, '2026-01-01', 'n' || i, NULL FROM unnest(ARRAY[4, 1004]) AS i`)
    }
  })

  it('has the values of every type that other modes have, and by key the same ids', async () => {
    await sql(`CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE TYPE pair AS (a int, b text);
      CREATE TABLE kinds (b bool, i2 int2, i4 int4, i8 int8, o oid, f4 float4, f8 float8, n numeric, n2 numeric(20, 4), tz timestamptz,
        ts timestamp, d date, t text, v varchar(9), c char(6), nm name, m mood, u uuid, j json, jb jsonb, a int[], p pair, y bytea,
        tm time, iv interval, ip inet, mo money, r int4range, x xml, last text)`)
    await sql(`INSERT INTO kinds (b, i2, i4, i8, o, f4, f8, n, n2, tz, ts, d, t, v, c, nm, m, u, j, jb, a, p, y, tm, iv, ip, mo, r, x) VALUES
      (true, -5, 7, -9223372036854775808, 4294967295, 0.1, 1e23, 'NaN', 12.5, 'infinity', '-infinity', 'infinity', 'é', '', 'ab', 'nm', 'sad',
       '6FA459EA-EE8A-3CA4-894E-DB77E160355E', '{"a" : 1}', '{"b": [1, null]}', '{1,NULL}', (1, 'x y'), '\\x00ff', '12:00', '1 day', '10.0.0.1', 5.5, '[1,3)', '<a/>'),
      (false, 0, 0, 0, 0, -3.4028235e38, -0, 1e30, -0.0001, '294270-01-01', '0001-01-01 BC', '-infinity', '', 'v', '', '', 'glad',
       '00000000-0000-0000-0000-000000000000', 'null', '"s"', '{}', (NULL, NULL), '', '00:00', '-3 mons', '::1', 0, 'empty', NULL)`)
    await sql(
      'INSERT INTO kinds (f4, f8) VALUES (16777216, 5e-324), (1e-7, 1e-7), (1.17549435e-38, 123456789012345680000), (NULL, NULL)',
    )
    const { fields } = await sql('SELECT * FROM kinds LIMIT 0')
    const all = fields.map(({ name }) => name)
    for (const identity of [all, []]) {
      const { plan, pin } = await source.warehouse.plan(requestFor('kinds', { identity }), signal)
      const sink = new CollectingSink(plan.schema)
      for (const chunk of plan.chunks) await source.warehouse.readChunk(plan, chunk, pin.shared, sink, signal)
      await pin.close()
      const { replica } = mirror('kinds', { before: [], identity })
      await replica.run()
      const values = (rows: Iterable<readonly unknown[]>) => new Set([...rows].map((row) => inspect(row)))
      assert.equal(replica.rows.size, 6)
      assert.deepEqual(values(replica.rows.values()), values(sink.rows.map((row) => row.values)))
      if (identity.length > 0) assert.deepEqual(new Set(replica.rows.keys()), new Set(sink.rows.map(({ id }) => id)))
      assert.deepEqual(countsOf(await replica.run()), [0, 0, 0, 0])
    }
  })

  it('tells apart all values that are not the same', async () => {
    const texts = [
      '',
      'NULL',
      '()',
      ',',
      ')',
      ',,',
      '(,)',
      '"',
      '\\',
      '\\"',
      '""',
      ' ',
      'a,b',
      'a b',
      '(a',
      'a)',
      "'",
      '\n',
      'é',
    ]
    const rows = [null, ...texts].flatMap((a) => [null, ...texts].map((b) => [a, b] as const))
    await sql('CREATE TABLE apart (a text, b text, c text)')
    await source.admin.query('INSERT INTO apart SELECT * FROM unnest($1::text[], $2::text[])', [
      rows.map(([a]) => a),
      rows.map(([, b]) => b),
    ])
    const { replica } = mirror('apart', { before: [] })
    assert.deepEqual(countsOf(await replica.run()), [rows.length, 0, 0, 0])
    await sql('CREATE TABLE numbers (d float8, f real, n numeric, c text)')
    await sql(
      `INSERT INTO numbers (d) VALUES (0), ('-0'), (1), ('NaN'), (0.1), (0.30000000000000004), (0.3), (9007199254740993), (9007199254740994)`,
    )
    await sql(
      `INSERT INTO numbers (n) VALUES (1), (1.0), (1.00), ('NaN'), (1e20); INSERT INTO numbers (f) VALUES (0), ('-0'), (16777216), (16777218)`,
    )
    assert.deepEqual(countsOf(await mirror('numbers', { before: [] }).replica.run()), [18, 0, 0, 0])
  })
})
