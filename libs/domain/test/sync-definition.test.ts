import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { checkInsertTime } from '@millrace/domain/sync/insert-time.ts'
import {
  type MirrorReport,
  missingRows,
  type RunCounts,
  reportMirror,
  reportRun,
} from '@millrace/domain/sync/run-report.ts'
import { type Schedule, validateSchedule } from '@millrace/domain/sync/schedule.ts'
import { snapshotWarning } from '@millrace/domain/sync/snapshot-warning.ts'
import { tableTypes } from '@millrace/domain/words.ts'
import fc from 'fast-check'

const none: RunCounts = {
  read: 0,
  events: 0,
  updates: 0,
  deletes: 0,
  userProfiles: 0,
  groupProfiles: 0,
  lookupRows: 0,
  rejected: 0,
  filtered: 0,
  collapsed: 0,
  readAgain: 0,
  leftOut: 0,
}

describe('the report of a run', () => {
  test('is the equation of its rows', () => {
    assert.equal(
      reportRun({ ...none, read: 3_000_000, events: 2_999_809, collapsed: 191 }, 'events'),
      '3,000,000 rows read = 2,999,809 events + 191 identical rows collapsed + 0 rejected, 0 missing',
    )
  })

  test('has plain English for one, and names what was filtered only when something was', () => {
    assert.equal(
      reportRun({ ...none, read: 4, userProfiles: 1, collapsed: 1, filtered: 1, rejected: 1 }, 'user_profiles'),
      '4 rows read = 1 user profile + 1 identical row collapsed + 1 filtered + 1 rejected, 0 missing',
    )
    assert.equal(
      reportRun(none, 'lookup_table'),
      '0 rows read = 0 lookup rows + 0 identical rows collapsed + 0 rejected, 0 missing',
    )
  })

  test('tells rows of the overlap, which are there already, from new ones, and names those without an insert time', () => {
    assert.equal(
      reportRun({ ...none, read: 1200, events: 1000, readAgain: 200, leftOut: 3 }, 'events'),
      '1,200 rows read = 1,000 events + 200 read again + 0 identical rows collapsed + 0 rejected, 0 missing; 3 rows without an insert time left out',
    )
  })

  test('always adds up: what is not accounted for is called missing', () => {
    const count = fc.nat(5_000_000)
    fc.assert(
      fc.property(
        count,
        count,
        count,
        count,
        count,
        fc.constantFrom(...tableTypes),
        (loaded, collapsed, rejected, filtered, lost, tableType) => {
          const read = loaded + collapsed + rejected + filtered + lost
          const counts = { ...none, read, events: loaded, collapsed, rejected, filtered }
          assert.equal(missingRows(counts), lost)
          const text = reportRun(counts, tableType)
          const [sum, ...terms] = [...text.matchAll(/\d[\d,]*/g)].map(([digits]) => Number(digits.replaceAll(',', '')))
          assert.equal(
            sum,
            terms.reduce((total, term) => total + term, 0),
          )
        },
      ),
    )
  })
})

describe('the report of a mirror run', () => {
  const noChange: MirrorReport = {
    read: 0,
    inserted: 0,
    updated: 0,
    set: 0,
    deleted: 0,
    rejected: 0,
    filtered: 0,
    identicalRows: 0,
  }

  test('is the equation of its changes, and names rows that are shown as one', () => {
    const changes = { read: 1200, inserted: 1000, updated: 150, deleted: 50, identicalRows: 191 }
    assert.equal(
      reportMirror({ ...noChange, ...changes }, 'events'),
      '1,200 changes read = 1,000 inserted + 150 updated + 50 deleted + 0 rejected, 0 missing; 191 identical rows are shown as one',
    )
    assert.equal(
      reportMirror({ ...noChange, read: 1, rejected: 1 }, 'events'),
      '1 change read = 0 inserted + 0 updated + 0 deleted + 1 rejected, 0 missing',
    )
  })

  test('does not tell new rows of profile history from changed ones, since the destination takes both the same way', () => {
    assert.equal(
      reportMirror({ ...noChange, read: 12, set: 7, deleted: 3, filtered: 1 }, 'user_profiles'),
      '12 changes read = 7 inserted or updated + 3 deleted + 1 filtered + 0 rejected, 1 missing',
    )
  })
})

describe('the warning of a mirrored sync', () => {
  const day = 86_400_000
  const of = (leftMs: number) => snapshotWarning(21 * day, 21 * day - leftMs)

  test('comes when fewer than seven of the snapshot’s 21 days are left, two weeks after the run', () => {
    assert.deepEqual([of(21 * day), of(7 * day)], [null, null])
    assert.match(of(7 * day - 1)?.message ?? '', /expires in 6 days/)
    assert.match(of(90 * 60_000)?.message ?? '', /expires in 2 hours/)
    assert.equal(of(1)?.code, 'snapshot_expires_soon')
  })

  test('says what is to be done once it has expired', () => {
    assert.equal(of(0)?.code, 'snapshot_expired')
    assert.match(of(-day)?.hint ?? '', /Resync/)
  })
})

describe('a schedule', () => {
  const codes = (schedule: Schedule) => validateSchedule(schedule).map(({ code }) => code)

  test('of any minute of the day in a known zone is taken', () => {
    fc.assert(
      fc.property(
        fc.nat(23),
        fc.nat(59),
        fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/New_York'),
        fc.integer({ min: 1, max: 7 }),
        (hour, minute, zone, day) => {
          const time = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`
          assert.deepEqual(codes({ kind: 'daily', time, zone }), [])
          assert.deepEqual(codes({ kind: 'weekly', day, time, zone }), [])
        },
      ),
    )
  })

  test('with several faults names each of them', () => {
    assert.deepEqual(codes({ kind: 'weekly', day: 8, time: '24:00', zone: 'Mars/Olympus' }), [
      'time_invalid',
      'zone_unknown',
      'day_invalid',
    ])
    assert.deepEqual(codes({ kind: 'daily', time: '9:00', zone: '+02:00' }), ['time_invalid', 'zone_unknown'])
    assert.deepEqual(codes({ kind: 'hourly' }), [])
  })
})

describe('an insert-time column', () => {
  const schema: RowSchema = {
    table: 'public.flights',
    key: [],
    columns: [
      { name: 'inserted_at', type: 'timestamp', sourceType: 'timestamp with time zone' },
      { name: 'origin', type: 'string', sourceType: 'text' },
    ],
  }

  test('must be there, and a near miss gets a suggestion', () => {
    assert.equal(checkInsertTime('inserted_at', schema), null)
    const missing = checkInsertTime('insertedat', schema)
    assert.equal(missing?.code, 'column_missing')
    assert.match(missing!.hint, /inserted_at/)
  })

  test('must have an order', () => {
    assert.equal(checkInsertTime('origin', schema)?.code, 'column_type')
  })
})
