import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import fc from 'fast-check'
import { nowMs } from '../mapping/map-rows.ts'
import type { Cell } from '../rows.ts'
import { contentsOf, diff, indexed, type Operation, type Row, send, type Table, VersionedSink } from './mirror-model.ts'

const columns: RowSchema['columns'] = [
  { name: 'id', type: 'integer', sourceType: 'INT64' },
  { name: 'at', type: 'timestamp', sourceType: 'TIMESTAMP' },
  { name: 'who', type: 'string', sourceType: 'STRING' },
  { name: 'device', type: 'string', sourceType: 'STRING' },
  { name: 'what', type: 'string', sourceType: 'STRING' },
  { name: 'note', type: 'string', sourceType: 'STRING' },
  { name: 'tag', type: 'string', sourceType: 'STRING' },
]
const events: Mapping = {
  tableType: 'events',
  eventName: { column: 'what' },
  time: 'at',
  userId: 'who',
  deviceId: 'device',
}
const users: Mapping = { tableType: 'user_profiles', profileKind: 'history', userId: 'who', startTime: 'at' }
const groups: Mapping = {
  tableType: 'group_profiles',
  profileKind: 'history',
  groupKey: 'company',
  groupId: 'who',
  startTime: 'at',
}
const tables: [string, Table][] = [
  ['events', events] as const,
  ['users', users] as const,
  ['groups', groups] as const,
].flatMap(([name, mapping]): [string, Table][] => [
  [`${name} with a key`, { mapping, schema: { table: 'shop.songs', key: ['id'], columns } }],
  [`${name} without a key`, { mapping, schema: { table: 'shop.songs', key: [], columns } }],
])

const micros = BigInt(nowMs) * 1000n
/** Few values, so that histories repeat them: times within and beyond a millisecond, bad rows of every kind, NULL tails. */
const row: fc.Arbitrary<Row> = fc
  .tuple(
    fc.bigInt({ min: 1n, max: 6n }),
    fc.constantFrom<Cell>(micros, micros + 1n, micros + 1000n, micros - 1n, 5n, null, 2n ** 63n - 1n, micros * 2n),
    fc.constantFrom<Cell>('ann', 'bob', '$device:d1', null, 'null', '\u0000', 'x'.repeat(256)),
    fc.constantFrom<Cell>('d1', 'd2', null),
    fc.constantFrom<Cell>('play', 'stop', 'play', null, '', 'n'.repeat(256)),
    fc.constantFrom<Cell>('a', 'b', null, '\u0000'),
    fc.constantFrom<Cell>(null, null, 'tag1'),
  )
  .map((cells) => cells)
const rows = fc.uniqueArray(row, { selector: (cells) => cells[0], maxLength: 6 })

/** The operations of a history of snapshots, run by run. */
function historyOf(table: Table, snapshots: readonly (readonly Row[])[]): Operation[][] {
  return snapshots.map((now, n) => [...send(table, diff(table, snapshots[n - 1] ?? [], now), n + 1).operations])
}

for (const [name, table] of tables) {
  describe(`mirror of ${name}`, () => {
    it('leaves the destination equal to the table after every run', () => {
      fc.assert(
        fc.property(fc.array(rows, { maxLength: 5 }), (snapshots) => {
          const sink = new VersionedSink()
          historyOf(table, snapshots).forEach((operations, n) => {
            assert.deepEqual(sink.apply(operations).contents, contentsOf(table, snapshots[n]!))
          })
        }),
        { numRuns: 400 },
      )
    })

    it('finds nothing in an unchanged table, only inserts in a new one and only deletes in an emptied one', () => {
      fc.assert(
        fc.property(rows, (now) => {
          assert.deepEqual(diff(table, now, now), [])
          assert.deepEqual(new Set(diff(table, [], now).map(({ op }) => op)).difference(new Set(['insert'])), new Set())
          const emptied = diff(table, now, [])
          assert.equal(emptied.length, indexed(table, now).size)
          for (const { op } of send(table, emptied, 1).operations) assert.equal(op, 'delete')
        }),
      )
    })

    it('ends the same by two small steps as by a large one', () => {
      fc.assert(
        fc.property(rows, rows, rows, (one, two, three) => {
          const [start, first, second] = historyOf(table, [one, two, three])
          const [, direct] = historyOf(table, [one, three])
          const steps = new VersionedSink().apply(start!).apply(first!).apply(second!)
          const leap = new VersionedSink().apply(start!).apply(direct!)
          assert.deepEqual(steps.contents, leap.contents)
        }),
        { numRuns: 200 },
      )
    })

    it('ends the same in whatever order operations arrive, and however often', () => {
      const shuffled = fc.array(rows, { minLength: 1, maxLength: 4 }).chain((snapshots) => {
        const operations = historyOf(table, snapshots).flat()
        const twice = fc.shuffledSubarray([...operations, ...operations], { minLength: 0 })
        return fc.tuple(
          fc.constant(snapshots),
          twice,
          fc.shuffledSubarray(operations, { minLength: operations.length }),
        )
      })
      fc.assert(
        fc.property(shuffled, ([snapshots, some, all]) => {
          const sink = new VersionedSink().apply(some).apply(all)
          assert.deepEqual(sink.contents, contentsOf(table, snapshots.at(-1)!))
        }),
        { numRuns: 200 },
      )
    })

    it('ends the same after a crash anywhere and a new start from any earlier place', () => {
      fc.assert(
        fc.property(
          fc.array(rows, { minLength: 1, maxLength: 4 }),
          fc.double({ min: 0, max: 1, noNaN: true }),
          fc.double({ min: 0, max: 1, noNaN: true }),
          (snapshots, where, back) => {
            const operations = historyOf(table, snapshots).flat()
            const crash = Math.floor(where * operations.length)
            const sink = new VersionedSink()
              .apply(operations.slice(0, crash))
              .apply(operations.slice(Math.floor(back * crash)))
            assert.deepEqual(sink.contents, contentsOf(table, snapshots.at(-1)!))
          },
        ),
        { numRuns: 200 },
      )
    })

    it('counts every change once: as an update, a reject or filtered', () => {
      fc.assert(
        fc.property(rows, rows, (from, to) => {
          const changes = diff(table, from, to)
          const { updates, rejects, filtered, operations } = send(table, changes, 2)
          assert.equal(updates + rejects + filtered, changes.length)
          assert.equal(operations.filter(({ op }) => op !== 'retract').length, updates)
        }),
        { numRuns: 200 },
      )
    })
  })
}

describe('an event that changes', () => {
  const table: Table = { mapping: events, schema: { table: 'shop.songs', key: ['id'], columns } }
  const old: Row = [1n, micros, 'ann', 'd1', 'play', 'a', null]
  const with_ = (index: number, cell: Cell): Row => old.map((each, i) => (i === index ? cell : each))
  const opsOf = (from: Row, to: Row | null) => {
    const { operations, ...counts } = send(table, diff(table, [from], to === null ? [] : [to]), 2)
    return { ops: operations.map(({ op, body }) => [op, JSON.parse(body)]), ...counts }
  }
  const insertId = opsOf(old, with_(5, 'b')).ops[0]![1].properties.$insert_id
  const oldKey = { event: 'play', properties: { time: nowMs, distinct_id: 'ann', $insert_id: insertId } }

  it('is one update when name, millisecond and distinct id stay', () => {
    for (const to of [with_(5, 'b'), with_(1, micros + 999n), with_(3, 'd2'), with_(6, 'tag1')]) {
      const { ops, updates } = opsOf(old, to)
      assert.deepEqual(
        ops.map(([op, body]) => [op, body.properties.$insert_id]),
        [['update', insertId]],
      )
      assert.equal(updates, 1)
    }
  })

  it('is taken from its old place and put into the new one when one of the three changes, and counts once', () => {
    for (const to of [
      with_(4, 'stop'),
      with_(1, micros + 1000n),
      with_(1, micros - 1n),
      with_(2, 'bob'),
      with_(2, null),
    ]) {
      const { ops, updates, rejects, filtered } = opsOf(old, to)
      assert.deepEqual(ops[0], ['retract', oldKey])
      assert.equal(ops[1]![0], 'update')
      assert.equal(ops[1]![1].properties.$insert_id, insertId)
      assert.equal(ops.length, 2)
      assert.deepEqual({ updates, rejects, filtered }, { updates: 1, rejects: 0, filtered: 0 })
    }
  })

  it('is a reject that takes the old event away when the new row is bad', () => {
    for (const to of [with_(1, null), with_(2, 'null'), with_(4, ''), with_(5, '\u0000')]) {
      assert.deepEqual(opsOf(old, to), { ops: [['retract', oldKey]], updates: 0, rejects: 1, filtered: 0 })
    }
  })

  it('is an ordinary update when the old row was a reject', () => {
    const { ops, updates } = opsOf(with_(1, null), old)
    assert.deepEqual([ops.map(([op]) => op), updates], [['update'], 1])
  })

  it('is deleted by its key, and not at all when it can never have been loaded', () => {
    assert.deepEqual(opsOf(old, null), { ops: [['delete', oldKey]], updates: 1, rejects: 0, filtered: 0 })
    for (const bad of [with_(1, null), with_(4, null), with_(2, '\u0000'), with_(1, 2n ** 63n - 1n)])
      assert.deepEqual(opsOf(bad, null), { ops: [], updates: 0, rejects: 0, filtered: 1 })
  })

  it('is deleted although today’s clock would refuse its time', () => {
    assert.equal(opsOf(with_(1, micros * 2n), null).ops[0]![0], 'delete')
  })

  it('that has become too large to be published is a reject that takes the old event away', () => {
    const [change] = diff(table, [old], [with_(5, 'b')])
    const { operations, rejects } = send(table, [{ ...change!, row: null }], 2)
    assert.deepEqual([operations.map(({ op }) => op), rejects], [['retract'], 1])
  })

  it('without its before-image stops the batch instead of leaving the old event behind', () => {
    const [change] = diff(table, [old], [with_(5, 'b')])
    assert.throws(() => send(table, [{ ...change!, before: null }], 2), /lacks its before-image/)
  })
})

describe('a row of profile history', () => {
  const bodyOf = (mapping: Mapping, from: Row[], to: Row[]) =>
    send(
      { mapping, schema: { table: 'crm.people', key: ['id'], columns } },
      diff({ mapping, schema: { table: 'crm.people', key: ['id'], columns } }, from, to),
      2,
    ).operations.map(({ op, body }) => [op, JSON.parse(body)])
  const now: Row = [1n, micros, 'ann', null, 'pro', 'a', null]

  it('says what the profile was from its start on, with the hidden event named after the table', () => {
    const [[op, { $insert_id, ...body }]] = bodyOf(users, [], [now]) as [[string, Record<string, unknown>]]
    assert.equal(op, 'insert')
    assert.match(String($insert_id), /^[0-9a-f]{36}$/)
    assert.deepEqual(body, {
      $distinct_id: 'ann',
      $time: nowMs,
      $event: 'people',
      $warehouse_import_id: 'import-1',
      $warehouse_type: 'postgres',
      $set: { id: 1, what: 'pro', note: 'a' },
    })
    const [[, group]] = bodyOf(groups, [], [now]) as [[string, Record<string, unknown>]]
    assert.deepEqual([group.$group_key, group.$group_id, group.$time], ['company', 'ann', nowMs])
  })

  it('is taken away by id and start time', () => {
    const [[op, { $insert_id, ...body }]] = bodyOf(users, [now], []) as [[string, Record<string, unknown>]]
    assert.deepEqual([op, body], ['delete', { $distinct_id: 'ann', $time: nowMs, $event: 'people', $delete: '' }])
    assert.equal(typeof $insert_id, 'string')
  })

  it('moves when its start time changes', () => {
    const moved = now.map((cell, i) => (i === 1 ? micros - 5000n : cell))
    const ops = bodyOf(users, [now], [moved]).map(([op, body]) => [op, body.$time])
    assert.deepEqual(ops, [
      ['retract', nowMs],
      ['update', nowMs - 5],
    ])
  })

  it('with a start before 1971, in the future, endless or NULL is a reject', () => {
    const codes = [5n, micros + 3_600_001_000n, 2n ** 63n - 1n, null].map((at) => {
      const table: Table = { mapping: users, schema: { table: 'crm.people', key: ['id'], columns } }
      return send(table, diff(table, [], [now.map((cell, i) => (i === 1 ? at : cell))]), 1).rejects
    })
    assert.deepEqual(codes, [1, 1, 1, 1])
  })
})
