import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createMirrorProject } from '../src/mirror/mirror-world.ts'
import { createMirroredTable } from '../src/mirror/mirrored-table.ts'
import type { EventsSync } from '../src/mirror/model-sync.ts'
import type { Cell, ModelColumn, ModelRow, ModelTable } from '../src/mirror/model-table.ts'
import { verifyHistories } from '../src/mirror/verify-histories.ts'
import { mirrorWarehouseNames, withMirrorStack } from '../src/mirror/with-mirror-stack.ts'

const world = withMirrorStack()

const songColumns: readonly ModelColumn[] = [
  { name: 'id', type: 'integer' },
  { name: 'played_at', type: 'timestamp' },
  { name: 'song_name', type: 'string' },
  { name: 'artist', type: 'string' },
  { name: 'genre', type: 'string' },
]
const playedAt = BigInt(Date.UTC(2024, 2, 1)) * 1000n
/** The guide's table, "How changes are detected", with a time that an event needs. */
const songs: readonly ModelRow[] = [
  [12345n, playedAt, 'One Dance', 'Drake', null],
  [45678n, playedAt, 'Voyager', 'Daft Punk', 'Electronic'],
  [83921n, playedAt, null, null, 'Classical'],
]
const songsSync: EventsSync = { tableType: 'events', eventName: { value: 'Song' }, time: 'played_at' }
const songsTable = (name: string, key: readonly string[]): ModelTable => ({ name, columns: songColumns, key, rows: [] })
const found = (run: { readonly changes?: unknown }) => {
  const { inserts, updates, deletes, identicalRows } = run.changes as Record<string, number>
  return [inserts, updates, deletes, identicalRows]
}

describe('mirror', { concurrency: mirrorWarehouseNames.length }, () => {
  for (const name of mirrorWarehouseNames) {
    describe(`a mirror of ${name}`, { concurrency: 1 }, () => {
      test('leaves the destination equal to the table after every run of random histories, and their counts to the model', async () => {
        const { runs, mismatches } = await verifyHistories(world(name), {
          histories: 8,
          seed: 42,
          concurrency: 8,
          say: (line) => console.log(line),
        })
        assert.deepEqual(
          mismatches,
          [],
          `npm run verify:mirror -- --warehouse ${name} --seed 42 --only ${mismatches[0]}`,
        )
        assert.ok(runs >= 24)
      })

      test('sends the songs of the guide: NULLs at the end and an added column say nothing until a value is written', async () => {
        const mirrored = await songsOf('songs', ['id'])
        assert.deepEqual(found(await mirrored.assertRun(await mirrored.startRun())), [3, 0, 0, 0])
        await mirrored.apply([{ kind: 'add_column', column: { name: 'tag', type: 'string' } }])
        assert.deepEqual(found(await mirrored.assertRun(await mirrored.startRun())), [0, 0, 0, 0])
        await mirrored.apply(songs.slice(0, 2).map((_, n) => set(mirrored.table, n, 'tag', `tag${n + 1}`)))
        assert.deepEqual(found(await mirrored.assertRun(await mirrored.startRun())), [0, 2, 0, 0])
        await mirrored.drop()
      })

      test('stops when the Genre column is removed, and sends every row that differs once a person says so', async () => {
        const mirrored = await songsOf('songs_dropped', ['id'])
        await mirrored.apply([{ kind: 'add_column', column: { name: 'tag', type: 'string' } }])
        await mirrored.apply(songs.slice(0, 2).map((_, n) => set(mirrored.table, n, 'tag', `tag${n + 1}`)))
        await mirrored.assertRun(await mirrored.startRun())
        await mirrored.dropColumn('genre')
        await mirrored.assertStopped(await mirrored.startRun(), 'schema_changed')
        const { continuesWithoutColumn } = world(name).warehouse
        if (continuesWithoutColumn)
          assert.deepEqual(found(await mirrored.assertRun(await mirrored.decide('continue'))), [0, 3, 0, 0])
        else {
          await assert.rejects(mirrored.decide('continue'), /cannot continue/)
          assert.deepEqual(found(await mirrored.assertRun(await mirrored.decide('resync'))), [3, 0, 0, 0])
        }
        assert.deepEqual(found(await mirrored.assertRun(await mirrored.startRun())), [0, 0, 0, 0])
        await mirrored.drop()
      })

      test('without a key shows identical songs as one, and takes a change for a delete and an insert', async () => {
        const mirrored = await songsOf('songs_without_key', [])
        await mirrored.apply([{ kind: 'insert', rows: [songs[1]!] }])
        assert.deepEqual(found(await mirrored.assertRun(await mirrored.startRun())), [3, 0, 0, 1])
        await mirrored.apply([{ kind: 'delete', row: songs[1]!, all: false }])
        assert.deepEqual(found(await mirrored.assertRun(await mirrored.startRun())), [0, 0, 0, 0])
        await mirrored.apply([set(mirrored.table, 0, 'genre', 'Pop')])
        assert.deepEqual(found(await mirrored.assertRun(await mirrored.startRun())), [1, 0, 1, 0])
        await mirrored.drop()
      })

      test('shows nothing any more of a cancelled run whose changes were undone before the next one', async () => {
        const mirrored = await songsOf('songs_cancelled', ['id'], 100)
        await mirrored.assertRun(await mirrored.startRun())
        const moved = set(mirrored.table, 1, 'played_at', playedAt + 86_400_000_000n)
        const added: ModelRow = [7n, playedAt, 'Aerodynamic', 'Daft Punk', null]
        await mirrored.apply([moved, { kind: 'insert', rows: [added] }])
        await mirrored.cancelLoaded(await mirrored.startRun())
        await mirrored.apply([
          { kind: 'delete', row: added, all: true },
          set(mirrored.table, 1, 'played_at', playedAt + 2n * 86_400_000_000n),
        ])
        const last = await mirrored.finishCancelled(await mirrored.startRun())
        assert.deepEqual(found(await mirrored.assertRun(last)), [0, 1, 1, 0])
        await mirrored.drop()
      })

      test('whose source is emptied asks first, deletes nothing before the answer, and everything after it', async () => {
        const mirrored = await songsOf('songs_emptied', ['id'])
        await mirrored.assertRun(await mirrored.startRun())
        await mirrored.apply(songs.map((row) => ({ kind: 'delete', row, all: true })))
        await mirrored.assertStopped(await mirrored.startRun(), 'needs_confirmation')
        assert.deepEqual(found(await mirrored.assertRun(await mirrored.decide('confirm_deletes'))), [0, 0, 3, 0])
        await mirrored.drop()
      })

      test('whose table is made again asks for a resync, and deletes nothing before', async () => {
        const mirrored = await songsOf('songs_again', ['id'])
        await mirrored.assertRun(await mirrored.startRun())
        await mirrored.recreate()
        await mirrored.assertStopped(await mirrored.startRun(), 'resync_required')
        await mirrored.apply([set(mirrored.table, 0, 'genre', 'Pop')])
        assert.deepEqual(found(await mirrored.assertRun(await mirrored.decide('resync'))), [3, 0, 0, 0])
        await mirrored.apply([{ kind: 'delete', row: mirrored.table.rows[2]!, all: true }])
        await mirrored.assertStopped(await mirrored.startRun(), 'needs_confirmation')
        assert.deepEqual(found(await mirrored.assertRun(await mirrored.decide('confirm_deletes'))), [0, 0, 1, 0])
        await mirrored.drop()
      })

      // The last one: all snapshots go.
      test('whose snapshot has expired asks for a resync, and deletes nothing before', async () => {
        const mirrored = await songsOf('songs_expired', ['id'])
        await mirrored.assertRun(await mirrored.startRun())
        await world(name).warehouse.loseSnapshots()
        await mirrored.apply([{ kind: 'delete', row: songs[2]!, all: true }])
        await mirrored.assertStopped(await mirrored.startRun(), 'resync_required')
        assert.deepEqual(found(await mirrored.assertRun(await mirrored.decide('resync'))), [2, 0, 0, 0])
        await mirrored.drop()
      })

      async function songsOf(table: string, key: readonly string[], percentMax = key.length === 0 ? 100 : null) {
        const project = await createMirrorProject(world(name), table)
        const options = { deletionPercentMax: percentMax }
        const mirrored = await createMirroredTable(project, songsTable(table, key), songsSync, options)
        await mirrored.apply([{ kind: 'insert', rows: songs }])
        return mirrored
      }
    })
  }
})

/** Sets one cell of the n-th row. */
function set({ columns, rows }: ModelTable, n: number, column: string, cell: Cell) {
  const row = rows[n]!
  const at = columns.findIndex((each) => each.name === column)
  return { kind: 'update', row, to: row.with(at, cell), all: true } as const
}
