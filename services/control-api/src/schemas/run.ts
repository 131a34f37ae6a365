import { runStates } from '@millrace/domain/sync/run-state.ts'
import { lanes } from '@millrace/domain/words.ts'
import { Type } from 'typebox'
import { id, literals, nullable, problem, time } from './common.ts'

const count = Type.Integer()

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
    events: count,
    userProfiles: count,
    groupProfiles: count,
    lookupRows: count,
    rejected: count,
    filtered: count,
    collapsed: count,
    readAgain: Type.Integer({ description: 'Append: rows of the overlap that the run before has loaded already' }),
    leftOut: Type.Integer({ description: 'Append: rows without an insert time, which no run reads' }),
    missing: count,
    sent: count,
  }),
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
