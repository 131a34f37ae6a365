import { lanes, modes, profileKinds, tableTypes } from '@millrace/domain/words.ts'
import { Type } from 'typebox'
import { closed, id, identifier, literals, name, nullable, problem, time } from './common.ts'
import { mapping } from './mapping.ts'

const clock = { time: Type.String({ description: 'HH:MM', maxLength: 5 }), zone: Type.String({ maxLength: 100 }) }
const dayMs = 86_400_000

const schedule = Type.Union([
  closed({ kind: Type.Literal('hourly') }),
  closed({ kind: Type.Literal('daily'), ...clock }),
  closed({ kind: Type.Literal('weekly'), day: Type.Integer({ description: '1 is Monday' }), ...clock }),
  closed({ kind: Type.Literal('api') }),
])

const table = closed({ schema: identifier, name: identifier })
const overlapMs = Type.Integer({
  minimum: 0,
  maximum: 7 * dayMs,
  description: 'Append: how far before the last position rows are read again, so that late ones are not lost',
})

const deletionPercentMax = nullable(
  Type.Integer({
    minimum: 0,
    maximum: 100,
    description: 'Mirror: a run that would delete more of the rows waits for a decision; null is 20',
  }),
)

export const syncBody = closed({
  name,
  sourceId: id,
  table,
  tableType: literals(tableTypes),
  mode: literals(modes),
  insertTimeColumn: Type.Optional(nullable(identifier)),
  overlapMs: Type.Optional(overlapMs),
  schedule,
  mapping,
  lane: Type.Optional(nullable(literals(lanes))),
  deletionPercentMax: Type.Optional(deletionPercentMax),
})

export const syncPatch = closed({
  name: Type.Optional(name),
  schedule: Type.Optional(schedule),
  state: Type.Optional(literals(['active', 'paused'])),
  overlapMs: Type.Optional(overlapMs),
  lane: Type.Optional(nullable(literals(lanes))),
  mapping: Type.Optional(mapping),
  deletionPercentMax: Type.Optional(deletionPercentMax),
  resync: Type.Optional(
    Type.Boolean({ description: 'Mirror: begin anew with the next run. A new mapping of a mirrored sync needs it' }),
  ),
})

export const decisionBody = closed({
  choice: literals(['confirm_deletes', 'continue', 'resync'], {
    description:
      'confirm_deletes: after needs_confirmation, delete what was shown. continue: after schema_changed, go on with the schema that was shown. resync: remove what is at the destination and load the table again',
  }),
})

export const syncAnswer = Type.Object({
  id,
  projectId: id,
  sourceId: id,
  name: Type.String(),
  table,
  tableType: literals(tableTypes),
  profileKind: nullable(literals(profileKinds)),
  mode: literals(modes),
  insertTimeColumn: nullable(Type.String()),
  overlapMs: Type.Integer(),
  schedule,
  lane: nullable(literals(lanes)),
  importId: Type.String({ description: '`$warehouse_import_id` of what it loads' }),
  state: literals(['active', 'paused', 'needs_attention']),
  stateReason: nullable(problem),
  deletionPercentMax,
  generation: Type.Integer({ description: 'Grows with each resync' }),
  snapshotExpiresAt: nullable(
    Type.String({ description: 'Mirror: when the snapshot of the last run expires. Without it only a resync helps' }),
  ),
  warnings: Type.Array(problem),
  mapping,
  mappingVersion: Type.Integer(),
  triggerUrl: Type.String({ description: 'PUT starts a run; five an hour' }),
  nextDueAt: nullable(time),
  createdAt: time,
  updatedAt: time,
})

export const estimateAnswer = Type.Object({
  bytes: nullable(
    Type.Number({
      description: 'What the next run will be charged for; null where the warehouse charges for no bytes',
    }),
  ),
})
