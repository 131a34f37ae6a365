import { runStates } from '@millrace/domain/sync/run-state.ts'
import { lanes } from '@millrace/domain/words.ts'
import { Type } from 'typebox'
import { id, literals, nullable, problem, time } from './common.ts'

const count = Type.Integer()

export const startHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'The same key gives the same run' }),
  ),
})

export const runAnswer = Type.Object({
  id,
  projectId: id,
  syncId: id,
  importId: Type.String(),
  runSeq: count,
  state: literals(runStates),
  trigger: Type.String(),
  lane: literals(lanes),
  mappingVersion: count,
  counts: Type.Object({
    read: count,
    events: Type.Integer({ description: 'Inserted' }),
    updates: Type.Integer({ description: 'Mirror: events that were changed' }),
    deletes: Type.Integer({ description: 'Mirror: events that were deleted' }),
    userProfiles: count,
    groupProfiles: count,
    userUpdates: Type.Integer({ description: 'Of userProfiles, those that were set' }),
    userDeletes: count,
    groupUpdates: Type.Integer({ description: 'Of groupProfiles, those that were set' }),
    groupDeletes: count,
    lookupRows: count,
    rejected: count,
    filtered: count,
    collapsed: count,
    readAgain: Type.Integer({ description: 'Append: rows of the overlap that the run before has loaded already' }),
    leftOut: Type.Integer({ description: 'Append: rows without an insert time, which no run reads' }),
    missing: count,
    sent: count,
  }),
  changes: nullable(
    Type.Object(
      {
        inserts: count,
        updates: count,
        deletes: count,
        knownRows: Type.Integer({ description: 'Rows of the sync after the run before' }),
        identicalRows: Type.Integer({ description: 'Rows of the table that are shown as one with another' }),
      },
      { description: 'Mirror: what the comparison of the table with the run before has found' },
    ),
  ),
  progress: Type.Object({
    rowsPlanned: nullable(count),
    rowsRead: count,
    rowsLoaded: count,
    rate: nullable(Type.Number({ description: 'Rows loaded a second' })),
    secondsLeft: nullable(count),
  }),
  report: Type.String({ description: 'The run in one sentence' }),
  error: nullable(problem),
  createdAt: time,
  plannedAt: nullable(time),
  readAt: nullable(time),
  finishedAt: nullable(time),
})

export const rejectAnswer = Type.Object({
  chunk: count,
  ordinal: count,
  partition: count,
  stage: Type.String(),
  rowId: Type.String(),
  code: Type.String(),
  field: Type.String(),
  message: Type.String(),
  createdAt: time,
})
