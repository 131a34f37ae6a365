import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nextDue } from '../src/next-due.ts'

const at = (text: string) => new Date(text)
const iso = (date: Date | null) => date?.toISOString()

describe('the next due time', () => {
  it('is the full hour for hourly syncs', () => {
    assert.equal(iso(nextDue({ kind: 'hourly' }, at('2026-03-01T10:00:00.000Z'))), '2026-03-01T11:00:00.000Z')
    assert.equal(iso(nextDue({ kind: 'hourly' }, at('2026-03-01T10:59:59.999Z'))), '2026-03-01T11:00:00.000Z')
  })

  it('is on the clock of the zone for daily syncs, in winter and in summer', () => {
    const daily = { kind: 'daily', time: '06:30', zone: 'Europe/Berlin' } as const
    assert.equal(iso(nextDue(daily, at('2026-01-10T12:00:00Z'))), '2026-01-11T05:30:00.000Z')
    assert.equal(iso(nextDue(daily, at('2026-07-10T04:29:00Z'))), '2026-07-10T04:30:00.000Z')
  })

  it('comes once on the days when clocks are changed', () => {
    const daily = { kind: 'daily', time: '02:30', zone: 'Europe/Berlin' } as const
    const days = (from: string) => {
      const due: Date[] = []
      for (let after = at(from); due.length < 3; after = due.at(-1)!) due.push(nextDue(daily, after)!)
      return due.map((date) => date.toISOString().slice(0, 10))
    }
    assert.deepEqual(days('2026-03-27T12:00:00Z'), ['2026-03-28', '2026-03-29', '2026-03-30'])
    assert.deepEqual(days('2026-10-23T12:00:00Z'), ['2026-10-24', '2026-10-25', '2026-10-26'])
  })

  it('is on the day of the week for weekly syncs, Monday being 1 and Sunday 7', () => {
    const weekly = (day: number) => ({ kind: 'weekly', day, time: '00:05', zone: 'UTC' }) as const
    assert.equal(iso(nextDue(weekly(1), at('2026-03-04T00:00:00Z'))), '2026-03-09T00:05:00.000Z')
    assert.equal(iso(nextDue(weekly(7), at('2026-03-04T00:00:00Z'))), '2026-03-08T00:05:00.000Z')
  })

  it('never comes for syncs that are started by the API', () => {
    assert.equal(nextDue({ kind: 'api' }, at('2026-03-04T00:00:00Z')), null)
  })
})
