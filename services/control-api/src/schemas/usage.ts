import { usageLineNames } from '@millrace/domain/sync/usage-lines.ts'
import { Type } from 'typebox'
import { closed, id } from './common.ts'

const pattern = '^20[0-9]{2}-(0[1-9]|1[0-2])$'

export const usageQuery = closed({
  from: Type.Optional(Type.String({ pattern, description: 'First month of UTC, YYYY-MM; default `to`' })),
  to: Type.Optional(Type.String({ pattern, description: 'Last month; default this one' })),
})

const lines = Type.Unsafe<Readonly<Record<(typeof usageLineNames)[number], number>>>(
  Type.Object(Object.fromEntries(usageLineNames.map((line) => [line, Type.Integer()]))),
)

export const usageAnswer = Type.Object({
  months: Type.Array(
    Type.Object({
      month: Type.String({ pattern }),
      total: lines,
      syncs: Type.Array(Type.Object({ syncId: id, name: Type.String(), lines }), {
        description: 'Those with billed operations, deleted syncs included',
      }),
    }),
  ),
})
