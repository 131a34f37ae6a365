import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { diff, indexed, type Row, type Table } from './mirror-model.ts'

/** The examples of the guide, "How changes are detected". */
const names = ['Song Name', 'Artist', 'Genre', 'Tag']
const columns: RowSchema['columns'] = [
  { name: 'ID', type: 'integer', sourceType: 'INT64' },
  ...names.map((name) => ({ name, type: 'string' as const, sourceType: 'STRING' })),
]
/** The mapping plays no part in finding changes but for its identity. */
const table = (key: readonly string[]): Table => ({
  mapping: { tableType: 'events', eventName: { value: 'Song' }, time: 'ID' },
  schema: { table: 'music.songs', key, columns },
})
const songs: Row[] = [
  [12345n, 'One Dance', 'Drake', null, null],
  [45678n, 'Voyager', 'Daft Punk', 'Electronic', null],
  [83921n, null, null, 'Classical', null],
]

function checksum(...cells: (bigint | string | null)[]): string {
  const encoder = new CanonicalEncoder()
  for (const cell of cells) {
    if (cell === null) encoder.addNull()
    else if (typeof cell === 'bigint') encoder.addInteger(cell)
    else encoder.addBytes('s', Buffer.from(cell), 0, Buffer.byteLength(cell))
  }
  return encoder.digest(true).toString('hex')
}

describe('the songs of the guide', () => {
  const idsOf = (rows: readonly Row[]) => [...indexed(table([]), rows).keys()]

  it('have checksums over all columns but the NULLs at the end', () => {
    assert.deepEqual(idsOf(songs), [
      checksum(12345n, 'One Dance', 'Drake'),
      checksum(45678n, 'Voyager', 'Daft Punk', 'Electronic'),
      checksum(83921n, null, null, 'Classical'),
    ])
  })

  it('keep them when the Tag column is added, until it has values', () => {
    const untagged = songs.map((song) => song.slice(0, 4))
    const narrow: Table = { ...table([]), schema: { ...table([]).schema, columns: columns.slice(0, 4) } }
    assert.deepEqual([...indexed(narrow, untagged).keys()], idsOf(songs))
    const tagged = songs.map((song, n) => [...song.slice(0, 4), n < 2 ? `tag${n + 1}` : null])
    assert.deepEqual(idsOf(tagged), [
      checksum(12345n, 'One Dance', 'Drake', null, 'tag1'),
      checksum(45678n, 'Voyager', 'Daft Punk', 'Electronic', 'tag2'),
      checksum(83921n, null, null, 'Classical'),
    ])
    const ops = diff(table(['ID']), songs, tagged).map(({ op, row }) => [op, row?.[0]])
    assert.deepEqual(ops, [
      ['update', 12345n],
      ['update', 45678n],
    ])
  })

  it('all have other checksums when the Genre column is removed', () => {
    const tagged = songs.map((song, n) => [...song.slice(0, 4), n < 2 ? `tag${n + 1}` : null])
    const without = tagged.map((song) => [...song.slice(0, 3), song[4]!])
    const schema = { ...table([]).schema, columns: columns.filter(({ name }) => name !== 'Genre') }
    const ids = [...indexed({ ...table([]), schema }, without).keys()]
    assert.deepEqual(ids, [
      checksum(12345n, 'One Dance', 'Drake', 'tag1'),
      checksum(45678n, 'Voyager', 'Daft Punk', 'tag2'),
      checksum(83921n),
    ])
    for (const [n, id] of ids.entries()) assert.notEqual(id, idsOf(tagged)[n])
  })

  it('without a key are one where all columns are the same, and a change is a delete and an insert', () => {
    const twice = [...songs, songs[1]!]
    assert.equal(indexed(table([]), twice).size, 3)
    assert.deepEqual(diff(table([]), twice, songs), [])
    const changed = songs.with(0, [12345n, 'One Dance', 'Drake', 'Pop', null])
    assert.deepEqual(
      diff(table([]), songs, changed).map(({ op }) => op),
      ['delete', 'insert'],
    )
  })
})
