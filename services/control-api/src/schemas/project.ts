import { Type } from 'typebox'
import { closed, id, literals, name, nullable, problem, time } from './common.ts'

const text = Type.String({ minLength: 1, maxLength: 1000 })

const account = {
  destinationProjectId: Type.String({ minLength: 1, maxLength: 100, pattern: '^[A-Za-z0-9_-]+$' }),
  token: Type.String({ minLength: 1, maxLength: 1000, description: 'Written only' }),
  username: text,
  secret: Type.String({ minLength: 1, maxLength: 1000, description: 'Written only' }),
}

export const destinationBody = Type.Union([
  closed({ kind: Type.Literal('ingestion'), baseUrl: Type.String({ maxLength: 1000 }), ...account }),
  closed({ kind: Type.Literal('mixpanel'), region: literals(['US', 'EU', 'IN']), ...account }),
])

export const projectBody = closed({ name, destination: destinationBody })
export const projectPatch = closed({
  name: Type.Optional(name),
  destination: Type.Optional(destinationBody),
})

export const projectAnswer = Type.Object({
  id,
  name: Type.String(),
  destination: Type.Object({
    kind: Type.String(),
    region: Type.Optional(Type.String()),
    baseUrl: Type.Optional(Type.String()),
    destinationProjectId: Type.String(),
    username: Type.String(),
  }),
  attention: nullable(problem),
  parkedSince: nullable(time),
  externalId: Type.String({
    description: 'What Millrace names when it takes on a role of an AWS account for this project',
  }),
  createdAt: time,
  updatedAt: time,
})
