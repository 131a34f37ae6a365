import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { nextRunId, Replica } from './mirror-replica.ts'
import { type RedshiftSource, requestFor, signal, startSource } from './redshift-source.ts'

const beforeColumns = [{ name: 'song_name', sourceType: 'character varying(60)', type: 'string' as const }]

describe('the mirror of a table of Redshift', () => {
  let source: RedshiftSource
  before(async () => {
    source = await startSource()
  })
  after(() => source.stop())
  const mirrorOf = (name: string, more: object = {}) =>
    new Replica(source.warehouse, requestFor(name, { mode: 'mirror', before: beforeColumns, ...more }))

  const value = (of: fc.Arbitrary<string>) => fc.option(of, { freq: 3 }).map((each) => each ?? 'NULL')
  const id = fc.integer({ min: 1, max: 6 })
  const name = value(fc.constantFrom("''", "'a'", "'n'", "'~'", "'a|b'", "'s1:a'", "' '"))
  const at = value(fc.constantFrom("'2026-01-01 00:00:00'", "'2026-01-01 00:00:00.000001'", "'1969-12-31 23:59:59.5'"))
  const price = value(fc.constantFrom('0', '1.50', '-2.25'))
  const size = value(fc.constantFrom('0.1', '1e300', '-0.5'))
  const change = fc.oneof(
    fc
      .tuple(id, name, at, price, size)
      .map((all) => `INSERT INTO shop.songs (id, song_name, at, price, size) VALUES (${all.join(', ')})`),
    fc.tuple(id, name).map(([row, text]) => `UPDATE shop.songs SET song_name = ${text} WHERE id = ${row}`),
    fc.tuple(id, at).map(([row, time]) => `UPDATE shop.songs SET at = ${time} WHERE id = ${row}`),
    fc.tuple(id, size).map(([row, double]) => `UPDATE shop.songs SET size = ${double} WHERE id = ${row}`),
    id.map((row) => `DELETE FROM shop.songs WHERE id = ${row}`),
    id.map((row) => `INSERT INTO shop.songs SELECT * FROM shop.songs WHERE id = ${row}`),
    fc.constant('ALTER TABLE shop.songs ADD COLUMN more_$n VARCHAR(10)'),
  )
  const history = fc.record({
    keyed: fc.boolean(),
    runs: fc.array(fc.array(change, { maxLength: 8 }), { minLength: 1, maxLength: 4 }),
  })

  it('ends equal to the table after every run, whatever was done to it in between', async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ keyed, runs }) => {
        await source.clear()
        await source.sql('DROP TABLE IF EXISTS shop.songs')
        await source.makeTable(
          'songs',
          'id INTEGER, song_name VARCHAR(60), at TIMESTAMP, price DECIMAL(10,2), size DOUBLE PRECISION',
        )
        const mirror = mirrorOf('songs', { identity: keyed ? ['id'] : [], chunkRows: 2 })
        let columns = 0
        for (const statements of runs) {
          for (const statement of statements) await source.sql(statement.replace('$n', String(++columns)))
          const { plan } = await mirror.run()
          await assertEqual(mirror, keyed, plan.changes?.identicalRows ?? -1)
          assert.equal((await source.staged()).length, 1)
        }
      }),
      { numRuns: 5, seed: 7 },
    )
  })

  /** Each row of the replica is a row of the table, and each row, or one of each key, of the table is in the replica. */
  async function assertEqual(mirror: Replica, keyed: boolean, identical: number): Promise<void> {
    const request = requestFor('songs', { runId: nextRunId() })
    const { rows: all, plan } = await source.readAll(request)
    const text = (values: readonly unknown[]) =>
      JSON.stringify(values, (_, each) => (typeof each === 'bigint' ? `${each}n` : each))
    const width = plan.schema.columns.length
    const padded = (values: readonly unknown[]) => text([...values, ...Array(width).fill(null)].slice(0, width))
    const table = new Set(all.map(({ values }) => text(values)))
    const replica = [...mirror.rows.values()].map(padded)
    for (const row of replica) assert.ok(table.has(row), row)
    const groups = keyed ? new Set(all.map(({ values }) => text([values[0]]))) : table
    assert.equal(replica.length, groups.size)
    assert.equal(new Set(replica).size, replica.length)
    assert.equal(identical, all.length - groups.size)
    const { runId, syncId, table: ref } = { ...request, table: plan.table }
    await source.warehouse.cleanUp({ runId, syncId, table: ref, plan, isNeeded: false, isSucceeded: true }, signal)
  }
})
