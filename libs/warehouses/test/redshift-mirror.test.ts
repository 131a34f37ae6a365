import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { CollectedChange } from './collecting-sink.ts'
import { nextRunId, Replica, readChanges } from './mirror-replica.ts'
import { type RedshiftSource, requestFor, signal, startSource } from './redshift-source.ts'
import { refused } from './refused.ts'

const beforeColumns = [{ name: 'song_name', sourceType: 'character varying(60)', type: 'string' as const }]

describe('a mirrored table of Redshift', () => {
  let source: RedshiftSource
  before(async () => {
    source = await startSource()
  })
  after(() => source.stop())
  beforeEach(async () => {
    source.afterStep = undefined
    await source.sql('DROP VIEW IF EXISTS shop.seen; DROP TABLE IF EXISTS shop.songs; DROP TABLE IF EXISTS shop.pairs')
    await source.clear()
  })

  const mirrorOf = (name: string, more: object = {}) =>
    new Replica(source.warehouse, requestFor(name, { mode: 'mirror', before: beforeColumns, ...more }))
  const ops = (changes: readonly CollectedChange[]) => changes.map(({ op }) => op).sort()
  async function makeSongs(key: readonly string[] = ['id']): Promise<void> {
    await source.makeTable('songs', `id INTEGER, song_name VARCHAR(60), artist VARCHAR(60), genre VARCHAR(60)`, key)
    await threeSongs()
  }
  const threeSongs = () =>
    source.sql(`INSERT INTO shop.songs VALUES (12345, 'One Dance', 'Drake', NULL),
      (45678, 'Voyager', 'Daft Punk', 'Electronic'), (83921, NULL, NULL, 'Classical')`)

  it('is sent as a whole first, then as its inserts, updates and deletes', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    const first = await mirror.run()
    assert.deepEqual(first.plan.changes, { inserts: 3, updates: 0, deletes: 0, knownRows: 0, identicalRows: 0 })
    assert.deepEqual(ops(first.changes), ['insert', 'insert', 'insert'])
    assert.deepEqual((await mirror.run()).changes, [])
    await source.sql(`DELETE FROM shop.songs WHERE id = 12345; INSERT INTO shop.songs VALUES (1, 'New', 'Someone', NULL);
      UPDATE shop.songs SET song_name = 'Aerodynamic' WHERE id = 45678`)
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
    await source.sql('ALTER TABLE shop.songs ADD COLUMN tag VARCHAR(20)')
    assert.deepEqual((await mirror.run()).changes, [])
    await source.sql(
      `UPDATE shop.songs SET tag = 'tag1' WHERE id = 12345; UPDATE shop.songs SET tag = 'tag2' WHERE id = 45678`,
    )
    const { changes } = await mirror.run()
    assert.deepEqual(changes.map(({ op, values }) => [op, values?.[4]]).sort(), [
      ['update', 'tag1'],
      ['update', 'tag2'],
    ])
  })

  it('stops when a column was removed or another one is the key, and can only be started anew', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    await mirror.run()
    const statements = source.statements()
    await source.sql('ALTER TABLE shop.songs DROP COLUMN genre')
    const error = await refused(mirror.run())
    assert.equal(error.code, 'schema_changed')
    assert.match(error.message, /column "genre" was dropped/)
    assert.equal((error.details as { mayContinue: boolean }).mayContinue, false)
    assert.deepEqual(
      source
        .statements()
        .slice(statements.length)
        .filter((sql) => !/^SELECT/.test(sql)),
      [],
    )
    const { schemaFingerprint } = error.details as { schemaFingerprint: string }
    assert.equal((await refused(mirror.run({ acceptedSchema: schemaFingerprint }))).code, 'resync_required')
    assert.equal((await refused(mirror.run({ identity: ['artist'] }))).code, 'schema_changed')
  })

  it('without a key has rows that are themselves: identical ones count once, a changed one is deleted and inserted', async () => {
    await makeSongs([])
    await threeSongs()
    const mirror = mirrorOf('songs')
    const first = await mirror.run()
    assert.deepEqual(first.plan.changes, { inserts: 3, updates: 0, deletes: 0, knownRows: 0, identicalRows: 3 })
    await source.sql("UPDATE shop.songs SET genre = 'Pop' WHERE id = 12345")
    const next = await mirror.run()
    assert.deepEqual(ops(next.changes), ['delete', 'insert'])
    assert.deepEqual(next.plan.changes, { inserts: 1, updates: 0, deletes: 1, knownRows: 3, identicalRows: 3 })
  })

  it('takes one of several rows with the same key, always the same one, and counts the others', async () => {
    await source.makeTable('pairs', 'id INTEGER, song_name VARCHAR(60)')
    const values = "(1, 'a'), (1, 'b'), (NULL, 'c'), (NULL, 'd'), (2, NULL)"
    await source.sql(`INSERT INTO shop.pairs VALUES ${values}`)
    const mirror = mirrorOf('pairs', { identity: ['id'] })
    const { plan } = await mirror.run()
    assert.deepEqual(plan.changes, { inserts: 3, updates: 0, deletes: 0, knownRows: 0, identicalRows: 2 })
    const turned = values
      .split(/(?<=\)), /)
      .reverse()
      .join(', ')
    await source.sql(`DELETE FROM shop.pairs; INSERT INTO shop.pairs VALUES ${turned}`)
    assert.deepEqual((await mirror.run()).changes, [])
  })

  it('notices a change of one byte in texts far longer than Redshift puts together', async () => {
    await source.makeTable('songs', 'id INTEGER, a VARCHAR(65535), song_name VARCHAR(65535)')
    await source.sql(
      `INSERT INTO shop.songs VALUES (1, REPEAT('a', 65535), REPEAT('b', 65535)), (2, REPEAT('a', 65535), 'x')`,
    )
    const mirror = mirrorOf('songs', { identity: ['id'] })
    assert.equal((await mirror.run()).plan.changes?.inserts, 2)
    await source.sql(`UPDATE shop.songs SET song_name = REPEAT('b', 65534) || 'c' WHERE id = 1`)
    assert.equal((await mirror.run()).plan.changes?.updates, 1)
  })

  it('keeps one snapshot, which goes when the next run has succeeded, and nothing else', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    for (let i = 0; i < 3; i++) {
      await mirror.run()
      assert.deepEqual(await source.staged(), [mirror.plans.at(-1)?.nextCursor?.pin.snapshot])
      assert.deepEqual(source.objects(), [])
    }
  })

  it('asks for a resync when its snapshot is gone or the table was made anew, instead of deleting everything', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    await mirror.run()
    const [snapshot] = await source.staged()
    await source.sql(`ALTER TABLE millrace.${snapshot} RENAME TO hidden`)
    const gone = await refused(mirror.run())
    assert.deepEqual([gone.code, gone.details], ['resync_required', { reason: 'snapshot_gone' }])
    await source.sql(`ALTER TABLE millrace.hidden RENAME TO ${snapshot}; DROP TABLE shop.songs`)
    await makeSongs()
    const anew = await refused(mirror.run())
    assert.deepEqual([anew.code, anew.details], ['resync_required', { reason: 'table_recreated' }])
  })

  it('deletes every row of a table that was emptied', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    await mirror.run()
    await source.sql('DELETE FROM shop.songs')
    const { plan } = await mirror.run()
    assert.deepEqual(plan.changes, { inserts: 0, updates: 0, deletes: 3, knownRows: 3, identicalRows: 0 })
    assert.equal(mirror.rows.size, 0)
  })

  it('is no view', async () => {
    await makeSongs()
    await source.makeView('seen', 'SELECT * FROM shop.songs')
    assert.equal((await refused(mirrorOf('seen').run())).code, 'mode_not_supported')
  })

  it('finds what a plan that died has made, at each of its steps', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    await mirror.run()
    const kept = await source.staged()
    await source.sql('DELETE FROM shop.songs WHERE id = 12345')
    const request = { ...requestFor('songs', { mode: 'mirror', before: beforeColumns }), cursor: mirror.cursor }
    const runId = nextRunId()
    for (const step of ['set_aside', 'snapshot', 'unloaded']) {
      source.afterStep = (reached) => {
        if (reached === step) throw new Error('killed')
      }
      await assert.rejects(source.warehouse.plan({ ...request, runId }, signal), /killed/)
      source.afterStep = undefined
      // What comes after the moment of the comparison is for the next run.
      await source.sql('DELETE FROM shop.songs WHERE id = 45678')
    }
    const { plan, pin } = await source.warehouse.plan({ ...request, runId }, signal)
    const changes = await readChanges(source.warehouse, plan, pin.shared)
    assert.deepEqual(
      changes.map(({ op, before: old }) => [op, old]),
      [['delete', ['One Dance']]],
    )
    assert.equal((await source.staged()).length, kept.length + 2)
    const next = { ...request, runId: nextRunId(), cursor: plan.nextCursor }
    assert.equal((await source.warehouse.plan(next, signal)).plan.changes?.deletes, 1, 'the row that went later')
  })

  it('is unloaded anew when its files are gone, with the same changes', async () => {
    await makeSongs()
    const request = requestFor('songs', { mode: 'mirror', before: beforeColumns, chunkRows: 2, runId: nextRunId() })
    const { plan, pin } = await source.warehouse.plan(request, signal)
    const changes = await readChanges(source.warehouse, plan, pin.shared)
    await source.sql('DELETE FROM shop.songs')
    source.removeObjects()
    assert.equal((await refused(readChanges(source.warehouse, plan, pin.shared))).code, 'pin_lost')
    const again = await source.warehouse.repin(plan, signal)
    assert.equal(again.rereadAll, true)
    assert.equal(again.plan.chunks.length, plan.chunks.length)
    const byId = (all: readonly CollectedChange[]) => [...all].sort((a, b) => (a.id < b.id ? -1 : 1))
    assert.deepEqual(byId(await readChanges(source.warehouse, again.plan, again.pin.shared)), byId(changes))
  })

  it('asks for a resync when the changes are gone that a run has sent in part', async () => {
    await makeSongs()
    const request = requestFor('songs', { mode: 'mirror', before: beforeColumns, runId: nextRunId() })
    const { plan } = await source.warehouse.plan(request, signal)
    const leavings = { runId: request.runId, syncId: request.syncId, table: plan.table, plan }
    await source.warehouse.cleanUp({ ...leavings, isNeeded: false, isSucceeded: false }, signal)
    assert.equal((await refused(source.warehouse.repin(plan, signal))).code, 'resync_required')
  })

  it('leaves nothing of a run that failed, before or after its plan was stored, but what the next run needs', async () => {
    await makeSongs()
    const mirror = mirrorOf('songs')
    await mirror.run()
    const kept = await source.staged()
    const request = { ...requestFor('songs', { mode: 'mirror', before: beforeColumns }), cursor: mirror.cursor }
    await source.sql('DELETE FROM shop.songs WHERE id = 12345')
    for (const isStored of [false, true]) {
      const runId = nextRunId()
      const { plan } = await source.warehouse.plan({ ...request, runId }, signal)
      const leavings = { runId, syncId: request.syncId, table: plan.table, plan: isStored ? plan : null }
      // Its task has not ended for sure: what it made may still be taken up.
      await source.warehouse.cleanUp({ ...leavings, isNeeded: true, isSucceeded: false }, signal)
      assert.equal((await source.staged()).length, 2)
      for (let i = 0; i < 2; i++)
        await source.warehouse.cleanUp({ ...leavings, isNeeded: false, isSucceeded: false }, signal)
      assert.deepEqual(await source.staged(), kept)
      assert.deepEqual(source.objects(), [])
    }
  })
})
