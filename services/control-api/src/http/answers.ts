import type { TSchema } from 'typebox'
import { Type } from 'typebox'
import { problemBody } from '../schemas/common.ts'

/** The answers of a route: what it gives when it works, and problems. What a schema does not name is never sent. */
export function answers<const S extends number, T extends TSchema>(status: S, schema: T) {
  return { [status]: schema, '4xx': problemBody, '5xx': problemBody } as { [K in S]: T } & Record<
    '4xx' | '5xx',
    typeof problemBody
  >
}

export const nothing = Type.Null({ description: 'No content' })
