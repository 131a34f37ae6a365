import { invalidQuery } from './invalid-query.ts'

/** The key that a page ended with as the opaque `after` of the next one. */
export function toToken(key: unknown): string {
  return Buffer.from(JSON.stringify(key)).toString('base64url')
}

/** The key of a token; null for the first page. Throws a 400 when it is none that `isKey` takes. */
export function fromToken<Key>(token: string | undefined, isKey: (value: unknown) => value is Key): Key | null {
  if (token === undefined) return null
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(token, 'base64url').toString())
  } catch {
    throw invalidQuery('after', 'is no page token')
  }
  if (!isKey(value)) throw invalidQuery('after', 'is no page token of this list')
  return value
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 200
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value)
}
