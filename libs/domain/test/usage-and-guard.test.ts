import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkDeletions } from '@millrace/domain/sync/deletion-guard.ts'
import { type Accepted, type AcceptedCounts, usageByMonth } from '@millrace/domain/sync/usage-lines.ts'
import fc from 'fast-check'

const none: AcceptedCounts = {
  events: 0,
  updates: 0,
  deletes: 0,
  userUpdates: 0,
  userDeletes: 0,
  groupUpdates: 0,
  groupDeletes: 0,
}

function accepted(at: string, profileKind: Accepted['profileKind'], counts: Partial<AcceptedCounts>): Accepted {
  return { atMs: Date.parse(at), profileKind, counts: { ...none, ...counts } }
}

describe('usage', () => {
  it('of a scripted month is what the guide’s tables give by hand', () => {
    const months = usageByMonth([
      accepted('2026-01-31T23:59:59.999Z', null, { events: 40 }), // the month before
      accepted('2026-02-01T00:00:00Z', null, { events: 1000 }), // append: backfill of events, whatever their own time
      accepted('2026-02-02T06:00:00Z', null, { events: 200, updates: 30, deletes: 4 }), // mirror
      accepted('2026-02-03T06:00:00Z', null, { events: 250, deletes: 250 }), // table dropped and made again
      accepted('2026-02-04T06:00:00Z', 'standard', { userUpdates: 5000 }), // full sync of users: free
      accepted('2026-02-04T07:00:00Z', 'standard', { groupUpdates: 700 }), // append of groups: free
      accepted('2026-02-05T06:00:00Z', 'history', { userUpdates: 60 }), // first import: every row is billed
      accepted('2026-02-06T06:00:00Z', 'history', { userUpdates: 7, userDeletes: 3 }),
      accepted('2026-02-07T06:00:00Z', 'history', { groupUpdates: 9, groupDeletes: 2 }),
      accepted('2026-02-28T23:59:59.999Z', null, { updates: 1 }), // an event that moved to another time: one update
      accepted('2026-03-01T00:00:00Z', null, { events: 2 }), // the month after
    ])
    assert.deepEqual(
      [...months],
      [
        ['2026-01', lines(40, 0, 0, 0, 0)],
        ['2026-02', lines(1450, 31, 254, 76, 5)],
        ['2026-03', lines(2, 0, 0, 0, 0)],
      ],
    )
  })

  it('leaves out months in which nothing was billed', () => {
    assert.equal(usageByMonth([accepted('2026-02-04T06:00:00Z', 'standard', { userUpdates: 5000 })]).size, 0)
  })

  it('is the same in whatever order and in however many runs it was accepted', () => {
    const count = fc.nat(1000)
    const entry = fc.record({
      atMs: fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2026, 3) }),
      profileKind: fc.constantFrom('standard' as const, 'history' as const, null),
      counts: fc.record({
        events: count,
        updates: count,
        deletes: count,
        userUpdates: count,
        userDeletes: count,
        groupUpdates: count,
        groupDeletes: count,
      }),
    })
    const half = (entry: Accepted, keep: (n: number) => number): Accepted => ({
      ...entry,
      counts: Object.fromEntries(Object.entries(entry.counts).map(([k, n]) => [k, keep(n)])) as AcceptedCounts,
    })
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const halves = entries.flatMap((each) => [half(each, (n) => n >> 1), half(each, (n) => n - (n >> 1))]).reverse()
        assert.deepEqual([...usageByMonth(halves)], [...usageByMonth(entries)])
      }),
    )
  })

  function lines(...[events, updates, deletes, userUpdates, userDeletes]: [number, number, number, number, number]) {
    return {
      Events: events,
      'Events - Updates': updates,
      'Events - Deletes': deletes,
      'User - Updates': userUpdates,
      'User - Deletes': userDeletes,
    }
  }
})

describe('the deletion guard', () => {
  it('lets a run delete up to a fifth of the rows and asks a person beyond that', () => {
    assert.deepEqual(checkDeletions({ deletes: 200, knownRows: 1000 }), { ok: true })
    const answer = checkDeletions({ deletes: 201, knownRows: 1000 })
    assert.ok(!answer.ok)
    assert.equal(answer.percent, 20)
    assert.match(answer.message, /would delete 201 rows of 1000, 20 %; more than 20 % needs a confirmation/)
  })

  it('stops when the source was emptied, or when rows go that nobody knew of', () => {
    assert.deepEqual(
      [checkDeletions({ deletes: 3, knownRows: 3 }), checkDeletions({ deletes: 1, knownRows: 0 })].map((each) =>
        each.ok ? 'ok' : each.percent,
      ),
      [100, null],
    )
  })

  it('goes on with what a person has confirmed, and asks again for more', () => {
    const run = { knownRows: 1000, confirmedDeletes: 500 }
    assert.equal(checkDeletions({ ...run, deletes: 500 }).ok, true)
    assert.equal(checkDeletions({ ...run, deletes: 501 }).ok, false)
  })

  it('follows the limit of the sync; a run without deletes always goes on', () => {
    fc.assert(
      fc.property(fc.nat(10_000), fc.nat(10_000), fc.nat(100), (deletes, knownRows, percentMax) => {
        const { ok } = checkDeletions({ deletes, knownRows, percentMax })
        assert.equal(ok, deletes === 0 || deletes / knownRows <= percentMax / 100 + 1e-12)
        assert.equal(checkDeletions({ deletes: 0, knownRows, percentMax: 0 }).ok, true)
      }),
    )
  })
})
