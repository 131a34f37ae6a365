import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { checkInsertTime } from '@millrace/domain/sync/insert-time.ts'
import { missingRows, type RunCounts, reportRun } from '@millrace/domain/sync/run-report.ts'
import { type Schedule, validateSchedule } from '@millrace/domain/sync/schedule.ts'
import { tableTypes } from '@millrace/domain/words.ts'
import fc from 'fast-check'

const none: RunCounts = {
  read: 0,
  events: 0,
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
