import { profileKinds } from '@millrace/domain/words.ts'
import { Type } from 'typebox'
import { closed, identifier, literals } from './common.ts'

const columnsMax = 2000

const selection = {
  leaveOut: Type.Optional(Type.Array(identifier, { maxItems: columnsMax, description: 'Columns that are not sent' })),
  rename: Type.Optional(
    Type.Record(Type.String({ maxLength: 300 }), Type.String({ maxLength: 300 }), {
      maxProperties: columnsMax,
      description: 'Column: name of its property',
    }),
  ),
}

const profile = {
  profileKind: literals(profileKinds),
  jsonProperties: Type.Optional(identifier),
  startTime: Type.Optional(identifier),
  nulls: Type.Optional(literals(['keep', 'unset'])),
  ...selection,
}

/** How the columns of a table become updates: libs/domain/src/mapping/mapping.ts. */
export const mapping = Type.Union([
  closed({
    tableType: Type.Literal('events'),
    eventName: Type.Union([closed({ column: identifier }), closed({ value: Type.String({ maxLength: 1000 }) })]),
    time: identifier,
    userId: Type.Optional(identifier),
    deviceId: Type.Optional(identifier),
    jsonProperties: Type.Optional(identifier),
    ...selection,
  }),
  closed({ tableType: Type.Literal('user_profiles'), userId: identifier, ...profile }),
  closed({
    tableType: Type.Literal('group_profiles'),
    groupKey: Type.String({ maxLength: 300 }),
    groupId: identifier,
    ...profile,
  }),
  closed({
    tableType: Type.Literal('lookup_table'),
    lookupTableId: Type.String({ maxLength: 300 }),
    id: identifier,
    ...selection,
  }),
])
