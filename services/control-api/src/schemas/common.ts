import { type TSchema, Type } from 'typebox'

export const id = Type.String({ minLength: 1, maxLength: 100, pattern: '^[A-Za-z0-9-]+$' })
export const uuid = Type.String({ pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' })
/** Shown to people: no control characters, not empty. */
export const name = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f\\u007f]*$' })
export const time = Type.String({ description: 'RFC 3339, UTC' })
/** A schema, table or column of a warehouse. */
export const identifier = Type.String({ minLength: 1, maxLength: 300 })

export function nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()])
}

export function closed<T extends Record<string, TSchema>>(properties: T, options: { description?: string } = {}) {
  return Type.Object(properties, { additionalProperties: false, ...options })
}

export function literals<const T extends readonly string[]>(values: T, options: { description?: string } = {}) {
  return Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options })
}

export const pageQuery = closed({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, description: 'Default 50' })),
  after: Type.Optional(Type.String({ maxLength: 1000, description: '`next` of the page before' })),
})
export const pageLimit = 50

export function pageOf<T extends TSchema>(item: T) {
  return Type.Object({ items: Type.Array(item), next: nullable(Type.String()) })
}

export const problem = Type.Object({
  code: Type.String(),
  message: Type.String(),
  hint: Type.String(),
  details: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), { description: 'What to decide by, as the code says' }),
  ),
})

/** RFC 9457; on every error. */
export const problemBody = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  code: Type.String(),
  detail: Type.String(),
  hint: Type.String(),
  instance: Type.String(),
  errors: Type.Optional(
    Type.Array(
      Type.Object({
        path: Type.String(),
        code: Type.String(),
        message: Type.String(),
        hint: Type.Optional(Type.String()),
      }),
    ),
  ),
})

export const projectParams = closed({ projectId: id })
export const sourceParams = closed({ projectId: id, sourceId: id })
export const syncParams = closed({ projectId: id, syncId: id })
export const runParams = closed({ projectId: id, runId: uuid })
