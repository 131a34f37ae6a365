import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { type BigQuerySource, field, requestFor, signal, stagingDataset, startSource } from './bigquery-source.ts'
import type { CollectedChange } from './collecting-sink.ts'
import { nextRunId, Replica, readChanges } from './mirror-replica.ts'
import { refused } from './refused.ts'

const dayMs = 86_400_000
const songs = [
  field('ID', 'INTEGER'),
  field('Song_Name', 'STRING'),
  field('Artist', 'STRING'),
  field('Genre', 'STRING'),
]
const threeSongs = `INSERT INTO $table VALUES (12345, 'One Dance', 'Drake', NULL),
  (45678, 'Voyager', 'Daft Punk', 'Electronic'), (83921, NULL, NULL, 'Classical')`
const before = [{ name: 'Song_Name', sourceType: 'STRING', type: 'string' as const }]

describe('a mirrored table of BigQuery', () => {
  let source: BigQuerySource
  let ahead = 0
  beforeEach(async () => {
    ahead = 0
    source = await startSource({ now: () => Date.now() + ahead })
  })
  afterEach(() => source.stop())

  const mirrorOf = (name: string, more: object = {}) =>
    new Replica(source.warehouse, requestFor(name, { mode: 'mirror', before, ...more }))
  const change = (name: string, statement: string) => source.server.change('shop', name, statement)
  const staged = () => [...source.server.storage.tables.values()].filter((t) => t.dataset === stagingDataset)
  const ops = (changes: readonly CollectedChange[]) => changes.map(({ op }) => op).sort()
  async function makeSongs(key: readonly string[] = ['ID']): Promise<void> {
    await source.server.createTable('shop', 'songs', songs, { primaryKey: key })
    await change('songs', threeSongs)
  }

  it('is sent as a whole first, then as its inserts, updates and deletes', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    const first = await mirror.run()
    assert.deepEqual(first.plan.changes, { inserts: 3, updates: 0, deletes: 0, knownRows: 0, identicalRows: 0 })
    assert.deepEqual(ops(first.changes), ['insert', 'insert', 'insert'])
    assert.deepEqual((await mirror.run()).changes, [])
    await change(
      'songs',
      `DELETE FROM $table WHERE ID = 12345; UPDATE $table SET Song_Name = 'Aerodynamic' WHERE ID = 45678;
       INSERT INTO $table VALUES (1, 'New', 'Someone', NULL)`,
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

  it('is compared without trailing NULLs: an added column changes nothing until it has values', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    await mirror.run()
    await source.server.addColumn('shop', 'songs', field('Tag', 'STRING'))
    assert.deepEqual((await mirror.run()).changes, [])
    await change('songs', "UPDATE $table SET Tag = 'tag1' WHERE ID = 12345")
    await change('songs', "UPDATE $table SET Tag = 'tag2' WHERE ID = 45678")
    const { changes } = await mirror.run()
    assert.deepEqual(changes.map(({ op, values }) => [op, values?.[4]]).sort(), [
      ['update', 'tag1'],
      ['update', 'tag2'],
    ])
  })

  it('stops when a column was removed, and sends every row again when a person goes on', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    await mirror.run()
    await source.server.addColumn('shop', 'songs', field('Tag', 'STRING'))
    await change('songs', "UPDATE $table SET Tag = 'tag1' WHERE ID = 12345")
    await change('songs', "UPDATE $table SET Tag = 'tag2' WHERE ID = 45678")
    await mirror.run()
    const jobs = source.server.jobs.byId.size
    await source.server.dropColumn('shop', 'songs', 'Genre')
    const error = await refused(mirror.run())
    assert.equal(error.code, 'schema_changed')
    assert.match(error.message, /column "Genre" was dropped/)
    assert.equal(source.server.jobs.byId.size, jobs, 'nothing was run')
    const { schemaFingerprint, mayContinue } = error.details as { schemaFingerprint: string; mayContinue: boolean }
    assert.equal(mayContinue, true)
    const { changes } = await mirror.run({ acceptedSchema: schemaFingerprint })
    // The last row of the guide's table loses its only value behind the id: its checksum is another one too.
    assert.deepEqual(ops(changes), ['update', 'update', 'update'])
    assert.equal(mirror.rows.size, 3)
  })

  it('without a key has rows that are themselves: identical ones count once, a changed one is deleted and inserted', async () => {
    await makeSongs([])
    await change('songs', threeSongs)
    const mirror = mirrorOf('songs')
    const first = await mirror.run()
    assert.deepEqual(first.plan.changes, { inserts: 3, updates: 0, deletes: 0, knownRows: 0, identicalRows: 3 })
    await change('songs', "UPDATE $table SET Genre = 'Pop' WHERE ID = 12345")
    const next = await mirror.run()
    assert.deepEqual(ops(next.changes), ['delete', 'insert'])
    assert.deepEqual(next.plan.changes, { inserts: 1, updates: 0, deletes: 1, knownRows: 3, identicalRows: 3 })
    // Continuing without a column deletes every old row and inserts it anew.
    await source.server.dropColumn('shop', 'songs', 'Genre')
    const { details } = await refused(mirror.run())
    const last = await mirror.run({ acceptedSchema: String(details?.schemaFingerprint) })
    assert.equal(last.plan.changes?.deletes, 3)
    assert.equal(mirror.rows.size, 3)
  })

  it('takes one of several rows with the same key, always the same one, and counts the others', async () => {
    await source.server.createTable('shop', 'pairs', [field('id', 'INTEGER'), field('Song_Name', 'STRING')])
    await change('pairs', "INSERT INTO $table VALUES (1, 'a'), (1, 'b'), (NULL, 'c'), (NULL, 'd'), (2, NULL)")
    const mirror = mirrorOf('pairs', { identity: ['id'] })
    const { plan } = await mirror.run()
    assert.deepEqual(plan.changes, { inserts: 3, updates: 0, deletes: 0, knownRows: 0, identicalRows: 2 })
    await change(
      'pairs',
      'CREATE TABLE copied AS SELECT * FROM $table ORDER BY Song_Name DESC; DELETE FROM $table; INSERT INTO $table SELECT * FROM copied; DROP TABLE copied',
    )
    assert.deepEqual((await mirror.run()).changes, [])
  })

  it('keeps one snapshot, which goes when the next run has succeeded', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    for (let i = 0; i < 3; i++) {
      await mirror.run()
      assert.deepEqual(
        staged().map(({ kind }) => kind),
        ['SNAPSHOT'],
      )
    }
    assert.equal(staged()[0]?.name, mirror.plans.at(-1)?.nextCursor?.pin.snapshot)
  })

  it('asks for a resync when its snapshot has expired after 21 days, and sends nothing', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    await mirror.run()
    ahead += 20.9 * dayMs
    await change('songs', 'DELETE FROM $table')
    const { plan } = await source.warehouse.plan(
      { ...requestFor('songs', { mode: 'mirror' }), runId: nextRunId(), cursor: mirror.cursor },
      signal,
    )
    assert.equal(plan.changes?.deletes, 3)
    ahead += 0.2 * dayMs
    const jobs = source.server.jobs.byId.size
    const error = await refused(mirror.run())
    assert.deepEqual([error.code, error.details], ['resync_required', { reason: 'snapshot_gone' }])
    assert.equal(source.server.jobs.byId.size, jobs)
  })

  it('asks for a resync when the table was made anew, instead of deleting everything', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    await mirror.run()
    await makeSongs()
    const error = await refused(mirror.run())
    assert.deepEqual([error.code, error.details], ['resync_required', { reason: 'table_recreated' }])
  })

  it('is no view', async () => {
    await makeSongs()
    await source.server.createView('shop', 'seen', 'SELECT * FROM `shop`.`songs`')
    assert.equal((await refused(mirrorOf('seen').run())).code, 'mode_not_supported')
  })

  it('needs the right to write to the staging dataset', async () => {
    await makeSongs()
    source.server.grants.owner.delete(stagingDataset)
    source.server.grants.viewer.add(stagingDataset)
    assert.equal((await refused(mirrorOf('songs').run())).code, 'permission_denied')
  })

  it('finds what a plan that died has made, at each of its steps', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    await mirror.run()
    await change('songs', 'DELETE FROM $table WHERE ID = 12345')
    const request = { ...requestFor('songs', { mode: 'mirror', before }), runId: nextRunId(), cursor: mirror.cursor }
    for (const step of [/_snapshot_/, /_diff_/]) {
      const dead = new AbortController()
      source.server.jobs.onDone = (job) => (step.test(job.id) ? dead.abort(new Error('killed')) : undefined)
      await assert.rejects(source.warehouse.plan(request, dead.signal))
      source.server.jobs.onDone = null
      // What comes after the moment of the snapshot is for the next run.
      await change('songs', 'DELETE FROM $table WHERE ID = 45678')
    }
    const { plan, pin } = await source.warehouse.plan(request, signal)
    assert.equal(plan.changes?.deletes, 1)
    const changes = await readChanges(source.warehouse, plan, pin.shared)
    assert.deepEqual(
      changes.map(({ op, before: old }) => [op, old]),
      [['delete', ['One Dance']]],
    )
    const snapshots = [...source.server.jobs.byId.keys()].filter((id) => id.includes(`${request.runId}_snapshot_`))
    assert.equal(snapshots.length, 1)
  })

  it('is compared anew when what was set aside is gone, with the same changes', async () => {
    await makeSongs()
    const request = { ...requestFor('songs', { mode: 'mirror', before, chunkRows: 2 }), runId: nextRunId() }
    const { plan, pin } = await source.warehouse.plan(request, signal)
    const changes = await readChanges(source.warehouse, plan, pin.shared)
    await change('songs', 'DELETE FROM $table')
    source.server.storage.drop(stagingDataset, String(pin.shared))
    assert.equal((await refused(readChanges(source.warehouse, plan, pin.shared))).code, 'pin_lost')
    const again = await source.warehouse.repin(plan, signal)
    assert.equal(again.rereadAll, true)
    assert.equal(again.plan.chunks.length, 2)
    const byId = (all: readonly CollectedChange[]) => [...all].sort((a, b) => (a.id < b.id ? -1 : 1))
    assert.deepEqual(byId(await readChanges(source.warehouse, again.plan, again.pin.shared)), byId(changes))
  })

  it('leaves nothing of a run that failed, before or after its plan was stored, but what the next run needs', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    await mirror.run()
    const kept = staged().map(({ name }) => name)
    const request = { ...requestFor('songs', { mode: 'mirror', before }), runId: nextRunId(), cursor: mirror.cursor }
    for (const isStored of [false, true]) {
      const { plan } = await source.warehouse.plan({ ...request, runId: nextRunId() }, signal)
      const { runId } = plan.pin as { runId: string }
      const leavings = { runId, syncId: request.syncId, table: plan.table, plan: isStored ? plan : null }
      // Its task has not ended for sure: what it made may still be taken up.
      await source.warehouse.cleanUp({ ...leavings, isNeeded: true, isSucceeded: false }, signal)
      assert.equal(staged().filter(({ kind }) => kind === 'SNAPSHOT').length, 2)
      await source.warehouse.cleanUp({ ...leavings, isNeeded: false, isSucceeded: false }, signal)
      await source.warehouse.cleanUp({ ...leavings, isNeeded: false, isSucceeded: false }, signal)
      assert.deepEqual(
        staged().map(({ name }) => name),
        kept,
      )
    }
  })
})
