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
  mode: 'append',
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
  changes: null,
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

const mirrored = {
  ...run,
  mode: 'mirror',
  readRows: 1200,
  identicalRows: null,
  rowsReadAgain: 0,
  rowsLeftOut: 0,
  changes: { inserts: 1000, updates: 150, deletes: 50, knownRows: 5000, identicalRows: 191 },
} as const

test('a mirror run shows what was inserted, updated and deleted, and what the comparison has found', () => {
  const totals = { rows: 1200, events: 998, updates: 149, deletes: 50, rejected: 3, sent: 1240 }
  const { counts, changes, report } = toRunAnswer(mirrored, { ...figures, totals }, at.getTime())
  assert.equal(
    report,
    '1,200 changes read = 998 inserted + 149 updated + 50 deleted + 3 rejected, 0 missing; 191 identical rows are shown as one',
  )
  assert.deepEqual([counts.events, counts.updates, counts.deletes, counts.missing], [998, 149, 50, 0])
  assert.deepEqual(changes, mirrored.changes)
})

test('a mirror run of profile history tells rows that are set from rows that go', () => {
  const totals = { rows: 1200, groupUpdates: 1140, groupDeletes: 50, rejected: 10, sent: 1190 }
  const groups = { ...mirrored, tableType: 'group_profiles' } as const
  const { counts, report } = toRunAnswer(groups, { ...figures, totals }, at.getTime())
  assert.match(report, /^1,200 changes read = 1,140 inserted or updated \+ 50 deleted \+ 10 rejected, 0 missing/)
  assert.deepEqual(
    [counts.groupProfiles, counts.groupUpdates, counts.groupDeletes, counts.missing],
    [1190, 1140, 50, 0],
  )
})
