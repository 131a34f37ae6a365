import { Type } from 'typebox'
import { closed, id, literals, nullable, time } from './common.ts'

const role = literals(['owner', 'admin', 'analyst', 'trigger'])

export const accountParams = closed({ accountId: id })
export const accountBody = closed({
  username: Type.String({ minLength: 1, maxLength: 100, pattern: '^[A-Za-z0-9._@-]+$' }),
  role,
  projectId: Type.Optional(nullable(id)),
})
export const accountAnswer = Type.Object({
  id,
  username: Type.String(),
  role,
  projectId: nullable(id),
  createdAt: time,
})
export const newAccountAnswer = Type.Object({
  id,
  username: Type.String(),
  role,
  projectId: nullable(id),
  secret: Type.String({ description: 'Shown this once' }),
})
