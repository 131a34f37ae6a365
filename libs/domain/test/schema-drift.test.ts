import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Column, RowSchema } from '@millrace/domain/row-schema.ts'
import { checkSchemaDrift } from '@millrace/domain/sync/schema-drift.ts'
import fc from 'fast-check'
import { rowSchema } from './rows.ts'

const text = (name: string): Column => ({ name, type: 'string', sourceType: 'STRING' })
const id: Column = { name: 'ID', type: 'integer', sourceType: 'INT64' }
const songs = (...names: string[]): RowSchema => ({
  table: 'music.songs',
  key: ['ID'],
  columns: [id, ...names.map(text)],
})
const before = songs('Song Name', 'Artist', 'Genre')

function stop(now: RowSchema, old = before) {
  const drift = checkSchemaDrift(old, now)
  if (drift.kind !== 'stop') assert.fail(`the drift is ${drift.kind}`)
  return drift
}

describe('the schema of a mirrored table', () => {
  it('may stay, or get columns at its end: the guide’s Tag column', () => {
    assert.deepEqual(checkSchemaDrift(before, before), { kind: 'none' })
    assert.deepEqual(checkSchemaDrift(before, songs('Song Name', 'Artist', 'Genre', 'Tag')), {
      kind: 'added',
      columns: [text('Tag')],
    })
  })

  it('stops the run when a column is dropped: the guide’s Genre column', () => {
    const { difference, message } = stop(
      songs('Song Name', 'Artist', 'Tag'),
      songs('Song Name', 'Artist', 'Genre', 'Tag'),
    )
    assert.deepEqual(difference.dropped, [text('Genre')])
    assert.deepEqual([difference.renamed, difference.isReordered], [[], false])
    assert.match(
      message,
      /"music\.songs" has changed since the last run: column "Genre" was dropped\. Nothing was sent\./,
    )
  })

  it('stops the run when a column has another name in the same place', () => {
    const { difference, message } = stop(songs('Song Name', 'Singer', 'Genre'))
    assert.deepEqual(difference.renamed, [{ from: text('Artist'), to: text('Singer') }])
    assert.deepEqual([difference.dropped, difference.added, difference.isReordered], [[], [], false])
    assert.match(message, /column "Artist" is called "Singer" now/)
  })

  it('stops the run when a column has another type, also one of the same kind', () => {
    for (const to of [
      { ...text('Genre'), type: 'integer' as const, sourceType: 'INT64' },
      { ...text('Genre'), sourceType: 'STRING(10)' },
    ]) {
      const { difference, message } = stop({ ...before, columns: [...before.columns.slice(0, 3), to] })
      assert.deepEqual(difference.retyped, [{ from: text('Genre'), to }])
      assert.ok(message.includes(`column "Genre" is ${to.sourceType} instead of STRING`))
    }
  })

  it('stops the run when columns change their order or a new one comes before an old one', () => {
    for (const now of [songs('Artist', 'Song Name', 'Genre'), songs('Song Name', 'Tag', 'Artist', 'Genre')]) {
      const { difference } = stop(now)
      assert.equal(difference.isReordered, true)
      assert.deepEqual([difference.dropped, difference.renamed, difference.retyped], [[], [], []])
    }
  })

  it('stops the run when the primary key changes', () => {
    const { difference, message } = stop({ ...before, key: [] })
    assert.deepEqual(difference.key, { from: ['ID'], to: [] })
    assert.match(message, /its primary key is none instead of "ID"/)
  })

  it('goes on only when the old columns are the first of the new ones, unchanged', () => {
    const pair = rowSchema.chain((now) =>
      fc.tuple(
        fc.constant(now),
        fc.oneof(
          fc.nat(now.columns.length).map((n) => now.columns.slice(0, n)),
          fc.shuffledSubarray([...now.columns]),
          rowSchema.map((other) => other.columns),
        ),
      ),
    )
    fc.assert(
      fc.property(pair, ([now, columns]) => {
        const drift = checkSchemaDrift({ ...now, columns }, now)
        const isPrefix = columns.every((column, i) => JSON.stringify(column) === JSON.stringify(now.columns[i]))
        assert.equal(drift.kind !== 'stop', isPrefix)
        if (drift.kind === 'added') assert.deepEqual(drift.columns, now.columns.slice(columns.length))
        if (drift.kind === 'stop') assert.doesNotMatch(drift.message, /last run: \. /)
      }),
      { numRuns: 500 },
    )
  })
})
