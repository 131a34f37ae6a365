import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Run } from '@millrace/store/runs/get-run.ts'
import { toRunAnswer } from '../src/run-answer.ts'

const at = new Date('2026-03-01T00:00:00Z')
const run: Run = {
  id: 'r',
  projectId: 'p',
  syncId: 's',
  importId: 'i',
  tableType: 'events',
  runSeq: 2,
  state: 'succeeded',
  trigger: 'manual',
  lane: 'live',
  mappingVersion: 1,
  rowsPlanned: 1210,
  readRows: 1210,
  identicalRows: 2,
  rowsReadAgain: 205,
  rowsLeftOut: 3,
  totals: null,
  error: null,
  createdAt: at,
  plannedAt: at,
  readAt: at,
  finishedAt: at,
}
const figures = {
  rowsRead: 1210,
  totals: { rows: 1210, events: 1202, rejected: 8, sent: 1202 },
  identicalRejects: 0,
  repeatedRejects: 5,
}

test('a run with an overlap counts as its events what it brought: not what was loaded before, nor what is rejected again', () => {
  const { counts, report } = toRunAnswer(run, figures, at.getTime())
  assert.equal(
    report,
    '1,210 rows read = 1,000 events + 200 read again + 2 identical rows collapsed + 8 rejected, 0 missing; 3 rows without an insert time left out',
  )
  assert.deepEqual([counts.events, counts.readAgain, counts.leftOut, counts.missing], [1000, 200, 3, 0])
})

test('profiles that are appended are told apart in the same way', () => {
  const profiles = { ...run, tableType: 'user_profiles', identicalRows: null, rowsLeftOut: 0 } as const
  const totals = { rows: 1210, userUpdates: 1202, rejected: 8, sent: 1202 }
  const { counts, report } = toRunAnswer(profiles, { ...figures, totals }, at.getTime())
  assert.deepEqual([counts.userProfiles, counts.readAgain, counts.missing], [1002, 200, 0])
  assert.match(report, /^1,210 rows read = 1,002 user profiles \+ 200 read again /)
})

test('a run that failed says how many came through, whatever was there before', () => {
  const { counts } = toRunAnswer({ ...run, state: 'failed' }, figures, at.getTime())
  assert.deepEqual([counts.events, counts.readAgain, counts.missing], [1202, 0, 0])
})
