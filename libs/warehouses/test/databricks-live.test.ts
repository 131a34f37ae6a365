import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { sparkLibs } from '@millrace/testkit/databricks/spark-server.ts'
import { type CollectedChange, CollectingSink, type Value } from './collecting-sink.ts'
import { type DatabricksSource, requestFor, shopTable, signal, startSource } from './databricks-source.ts'
import { typeSamples as types } from './databricks-type-samples.ts'
import { Replica } from './mirror-replica.ts'
import { refused } from './refused.ts'

const feed = 'TBLPROPERTIES (delta.enableChangeDataFeed = true)'
const songName = [{ name: 'song_name', sourceType: 'string', type: 'string' as const }]

// Two minutes on half a gigabyte of Spark: npm run setup:spark, then MILLRACE_SPARK_TESTS=1 npm test -- libs/warehouses.
const isWanted = process.env.MILLRACE_SPARK_TESTS === '1' && sparkLibs() !== null

describe('Databricks, on real Spark and Delta', { skip: !isWanted }, () => {
  let source: DatabricksSource
  before(async () => {
    source = await startSource()
  })
  after(() => source.stop())

  const ops = (changes: readonly CollectedChange[]) => changes.map(({ op }) => op).sort()
  const mirrorOf = (name: string, more: object = {}) =>
    new Replica(source.warehouse, requestFor(name, { mode: 'mirror', before: songName, ...more }))
  async function makeSongs(name: string, key: readonly string[] = ['id']): Promise<void> {
    await source.sql(
      `CREATE TABLE shop.${name} (id INT, song_name STRING, artist STRING, genre STRING) USING DELTA ${feed}`,
      threeSongs(name),
    )
    if (key.length > 0) await source.server.declareKey('shop', name, key)
  }
  const threeSongs = (name: string) => `INSERT INTO shop.${name} VALUES (12345, 'One Dance', 'Drake', NULL),
    (45678, 'Voyager', 'Daft Punk', 'Electronic'), (83921, NULL, NULL, 'Classical')`

  it('types each become their column type without loss, and NULL stays NULL, in a run and in a preview', async () => {
    const nulls = types.map(() => 'NULL').join(', ')
    await source.sql(
      `CREATE TABLE shop.all_types (${types.map(([type], i) => `a${i} ${type}`).join(', ')}) USING DELTA`,
      `INSERT INTO shop.all_types VALUES (${types.map(([, sql]) => sql).join(', ')}), (${nulls})`,
    )
    const expected = [types.map(([, , value]) => value), types.map(() => null)]
    const byFirst = (rows: readonly { readonly values: readonly Value[] }[]) =>
      rows.map(({ values }) => values).sort((a, b) => Number(a[0] === null) - Number(b[0] === null))
    const { rows, plan } = await source.readAll(requestFor('all_types', { chunkRows: 1 }))
    assert.deepEqual(byFirst(rows), expected)
    assert.equal(plan.chunks.length, 2)
    const sink = new CollectingSink(plan.schema)
    await source.warehouse.preview(shopTable('all_types'), [], 20, sink, signal)
    assert.deepEqual(byFirst(sink.rows), expected)
    assert.deepEqual(new Set(sink.rows.map(({ id }) => id)), new Set(rows.map(({ id }) => id)))
  })

  it('full reads the version of its plan, whatever is written meanwhile, each row once over its parts', async () => {
    await source.sql('CREATE TABLE shop.many USING DELTA AS SELECT id, CAST(id AS STRING) AS name FROM range(1000)')
    const { plan } = await source.warehouse.plan(requestFor('many', { chunkRows: 250 }), signal)
    await source.sql('DELETE FROM shop.many WHERE id >= 10', 'ALTER TABLE shop.many ADD COLUMN more INT')
    const rows = await source.readPlan(plan)
    assert.equal(plan.chunks.length, 4)
    assert.deepEqual(
      rows.map(({ values }) => Number(values[0])).sort((a, b) => a - b),
      Array.from({ length: 1000 }, (_, i) => i),
    )
  })

  it('append reads rows after the last insert time once, with an overlap for those that come late, also of a view', async () => {
    await source.sql(
      'CREATE TABLE shop.visits (n INT, inserted_at TIMESTAMP) USING DELTA',
      "INSERT INTO shop.visits VALUES (1, TIMESTAMP '2024-01-01 00:00:00Z'), (2, TIMESTAMP '2024-01-01 00:01:00Z'), (3, NULL)",
      'CREATE VIEW shop.seen AS SELECT n, CAST(inserted_at AS TIMESTAMP) AS inserted_at FROM shop.visits',
    )
    for (const name of ['visits', 'seen']) {
      await source.sql('DELETE FROM shop.visits WHERE n > 3')
      const request = requestFor(name, { mode: 'append', insertTimeColumn: 'inserted_at', overlapMs: 60_000 })
      const first = await source.readAll(request)
      assert.equal(first.rows.length, 2)
      assert.equal(first.plan.rowsLeftOut, 1)
      assert.equal(first.plan.nextCursor?.hi, '2024-01-01 00:01:00.000000')
      await source.sql(
        "INSERT INTO shop.visits VALUES (4, TIMESTAMP '2024-01-01 00:00:30Z'), (5, TIMESTAMP '2024-01-01 00:02:00Z')",
      )
      const next = await source.readAll({ ...request, cursor: first.plan.nextCursor })
      assert.deepEqual(next.rows.map(({ values }) => Number(values[0])).sort(), [2, 4, 5])
      assert.equal(next.plan.rowsReadAgain, 1)
    }
  })

  it('counts identical rows of a table without a key', async () => {
    await source.sql(
      'CREATE TABLE shop.same (a INT, b STRING) USING DELTA',
      "INSERT INTO shop.same VALUES (1, 'x'), (1, 'x'), (1, NULL), (NULL, NULL), (NULL, NULL)",
    )
    const { plan, rows } = await source.readAll(requestFor('same'))
    assert.equal(new Set(rows.map(({ id }) => id)).size, 3)
    assert.equal(await source.warehouse.countIdentical(plan, null, signal), 2)
  })

  it('a mirrored table is sent as a whole first, then as its inserts, updates and deletes, as often as they are read', async () => {
    await makeSongs('songs')
    const mirror = mirrorOf('songs', { chunkRows: 1 })
    const first = await mirror.run()
    assert.deepEqual(first.plan.changes, { inserts: 3, updates: 0, deletes: 0, knownRows: 0, identicalRows: 0 })
    assert.deepEqual(first.plan.identity, ['id'])
    assert.deepEqual(ops(first.changes), ['insert', 'insert', 'insert'])
    assert.deepEqual((await mirror.run()).changes, [])
    await source.sql(
      'DELETE FROM shop.songs WHERE id = 12345',
      "INSERT INTO shop.songs VALUES (1, 'New', 'Someone', NULL), (2, 'Gone', NULL, NULL)",
      "UPDATE shop.songs SET song_name = 'Once' WHERE id = 45678",
      "UPDATE shop.songs SET song_name = 'Aerodynamic' WHERE id = 45678",
      'DELETE FROM shop.songs WHERE id = 2',
    )
    const next = await mirror.run()
    assert.deepEqual(next.plan.changes, { inserts: 1, updates: 1, deletes: 1, knownRows: 3, identicalRows: 0 })
    assert.deepEqual(next.changes.map(({ op, values, before: old }) => [op, values?.[1] ?? null, old]).sort(), [
      ['delete', null, ['One Dance']],
      ['insert', 'New', null],
      ['update', 'Aerodynamic', ['Voyager']],
    ])
    assert.equal(mirror.rows.size, 3)
  })

  it('a mirrored table without a key has rows that are themselves: one of two identical ones deleted changes nothing', async () => {
    await makeSongs('twins', [])
    await source.sql(threeSongs('twins'))
    const mirror = mirrorOf('twins')
    const first = await mirror.run()
    assert.deepEqual(first.plan.changes, { inserts: 3, updates: 0, deletes: 0, knownRows: 0, identicalRows: 3 })
    await source.sql(
      'MERGE INTO shop.twins AS t USING (SELECT 12345 AS id) AS s ON t.id = s.id WHEN MATCHED THEN DELETE',
      "INSERT INTO shop.twins VALUES (12345, 'One Dance', 'Drake', NULL)",
      "UPDATE shop.twins SET genre = 'Pop' WHERE id = 45678",
    )
    const next = await mirror.run()
    assert.deepEqual(ops(next.changes), ['delete', 'insert'])
    assert.deepEqual(next.plan.changes, { inserts: 1, updates: 0, deletes: 1, knownRows: 3, identicalRows: 2 })
  })

  it('of several rows with one key the one with the smallest checksum is taken', async () => {
    await source.sql(
      `CREATE TABLE shop.pairs (id INT, song_name STRING) USING DELTA ${feed}`,
      "INSERT INTO shop.pairs VALUES (1, 'a'), (1, 'b'), (NULL, 'c'), (NULL, 'd'), (2, NULL)",
    )
    const mirror = mirrorOf('pairs', { identity: ['id'] })
    assert.deepEqual((await mirror.run()).plan.changes, {
      inserts: 3,
      updates: 0,
      deletes: 0,
      knownRows: 0,
      identicalRows: 2,
    })
    const taken = [...mirror.rows.values()].map(([id, name]) => `${id} ${name}`)
    const kept = taken.includes('1 a') ? 'a' : 'b'
    await source.sql(`DELETE FROM shop.pairs WHERE id = 1 AND song_name <> '${kept}'`)
    assert.deepEqual((await mirror.run()).changes, [])
    await source.sql(`INSERT OVERWRITE shop.pairs SELECT id, 'z' FROM shop.pairs WHERE id = 1`)
    const { changes } = await mirror.run()
    assert.deepEqual(ops(changes), ['delete', 'delete', 'update'])
  })

  it('a column added at the end changes nothing until it has values', async () => {
    await makeSongs('tagged')
    const mirror = mirrorOf('tagged')
    await mirror.run()
    await source.sql('ALTER TABLE shop.tagged ADD COLUMN tag STRING')
    assert.deepEqual((await mirror.run()).changes, [])
    await source.sql("UPDATE shop.tagged SET tag = concat('tag', artist) WHERE artist IS NOT NULL")
    const { changes } = await mirror.run()
    assert.deepEqual(changes.map(({ op, values }) => [op, values?.[4]]).sort(), [
      ['update', 'tagDaft Punk'],
      ['update', 'tagDrake'],
    ])
  })

  it('a renamed column stops a mirror, which then can only be started anew', async () => {
    await makeSongs('renamed')
    await source.sql("ALTER TABLE shop.renamed SET TBLPROPERTIES (delta.columnMapping.mode = 'name')")
    const mirror = mirrorOf('renamed')
    await mirror.run()
    await source.sql('ALTER TABLE shop.renamed RENAME COLUMN genre TO style')
    const error = await refused(mirror.run())
    assert.equal(error.code, 'schema_changed')
    assert.match(error.message, /genre/)
    assert.equal((error.details as { mayContinue: boolean }).mayContinue, false)
    const { schemaFingerprint } = error.details as { schemaFingerprint: string }
    assert.equal((await refused(mirror.run({ acceptedSchema: schemaFingerprint }))).code, 'resync_required')
  })

  it('a table made anew, vacuumed or without its feed for a while asks for a resync, and deletes nothing', async () => {
    await makeSongs('anew')
    const mirror = mirrorOf('anew')
    await mirror.run()
    await source.sql(
      'DROP TABLE shop.anew',
      `CREATE TABLE shop.anew (id INT, song_name STRING, artist STRING, genre STRING) USING DELTA ${feed}`,
    )
    const anew = await refused(mirror.run())
    assert.deepEqual([anew.code, anew.details], ['resync_required', { reason: 'table_recreated' }])

    await makeSongs('swept')
    const swept = mirrorOf('swept')
    await swept.run()
    await source.sql(
      "UPDATE shop.swept SET genre = 'Pop' WHERE id = 12345",
      "UPDATE shop.swept SET genre = 'Rock' WHERE id = 12345",
      'VACUUM shop.swept RETAIN 0 HOURS',
    )
    const gone = await refused(swept.run())
    assert.deepEqual([gone.code, gone.details], ['resync_required', { reason: 'changes_gone' }])

    await makeSongs('unfed')
    const unfed = mirrorOf('unfed')
    await unfed.run()
    await source.sql(
      'ALTER TABLE shop.unfed SET TBLPROPERTIES (delta.enableChangeDataFeed = false)',
      "UPDATE shop.unfed SET genre = 'Pop' WHERE id = 12345",
    )
    const off = await refused(unfed.run())
    assert.equal(off.code, 'mode_not_supported')
    assert.match(off.hint, /^Run: ALTER TABLE `spark_catalog`\.`shop`\.`unfed` SET TBLPROPERTIES/)
    await source.sql('ALTER TABLE shop.unfed SET TBLPROPERTIES (delta.enableChangeDataFeed = true)')
    const unrecorded = await refused(unfed.run())
    assert.deepEqual([unrecorded.code, unrecorded.details], ['resync_required', { reason: 'changes_gone' }])
  })

  it('remembers until when the changes since a run can be read', async () => {
    await makeSongs('kept')
    await source.sql("ALTER TABLE shop.kept SET TBLPROPERTIES (delta.logRetentionDuration = 'interval 20 days')")
    const { plan } = await mirrorOf('kept').run()
    const { at, expiresAt } = (plan.nextCursor?.pin ?? {}) as { at: string; expiresAt: number }
    assert.equal(expiresAt - Date.parse(at), 20 * 86_400_000)
  })

  it('views are not mirrored', async () => {
    await source.sql('CREATE VIEW shop.some_songs AS SELECT 1 AS id, "x" AS song_name')
    const error = await refused(mirrorOf('some_songs').run())
    assert.deepEqual([error.code, /is a view/.test(error.message)], ['mode_not_supported', true])
  })

  it('lets in a token or a service principal, renews its tokens, and tells what is wrong with a login or a path', async () => {
    const { server } = source
    const { access } = server
    const code = async (secrets: Record<string, string>, options = {}) => {
      const all = { host: 'dbc-a1b2345c-d6e7.cloud.databricks.com', httpPath: server.httpPath, catalog: server.catalog }
      const checks = await source.open({ secrets, options: { ...all, ...options } }).testConnection(signal)
      return checks.map(({ ok, code: each }) => each ?? ok)
    }
    assert.deepEqual(await code({ accessToken: access.token }), [true, true])
    assert.deepEqual(await code({ accessToken: 'dapi0' }), ['authentication_failed'])
    const { clientId, clientSecret } = access
    assert.deepEqual(await code({ clientId, clientSecret }), [true, true])
    assert.deepEqual(await code({ clientId, clientSecret: 'dose0' }), ['authentication_failed'])
    const elsewhere = { httpPath: '/sql/protocolv1/o/1/0123-456789-other' }
    assert.deepEqual(await code({ accessToken: access.token }, elsewhere), ['database_not_found'])
    let time = Date.now()
    const warehouse = source.open({ secrets: { clientId, clientSecret } }, {}, () => time)
    await warehouse.listSchemas(signal)
    const { issued } = access
    await warehouse.listSchemas(signal)
    assert.equal(access.issued, issued)
    time += 3_600_000
    await warehouse.listSchemas(signal)
    assert.equal(access.issued, issued + 1)
  })

  it('waits for a cluster that was suspended, and tells when it may not be started', async () => {
    const { cluster } = source.server
    cluster.startMs = 300
    cluster.suspend()
    assert.deepEqual(
      (await source.warehouse.testConnection(signal)).map(({ code }) => code),
      ['server_unavailable'],
    )
    const patient = source.open({}, { startMs: 20_000, lookMs: 50 })
    assert.ok((await patient.listSchemas(signal)).includes('shop'))
    cluster.suspend()
    cluster.mayRestart = false
    const error = await refused(source.open().listSchemas(signal))
    assert.deepEqual([error.code, /CAN RESTART/.test(error.hint)], ['permission_denied', true])
    cluster.mayRestart = true
    cluster.startMs = 0
    await source.open({}, { startMs: 20_000, lookMs: 20 }).listSchemas(signal)
  })

  it('goes to no private address that an operator has not allowed', async () => {
    const net = { allowedCidrs: [], databricksEndpoint: source.server.endpoint }
    const [check] = await source.open({ net }).testConnection(signal)
    assert.equal(check?.code, 'host_not_allowed')
  })
})
