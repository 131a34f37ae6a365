import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { SnowflakeError } from './snowflake-error.ts'

export type User = {
  readonly name: string
  password: string | null
  readonly roles: Set<string>
  defaultRole: string
  /** RSA_PUBLIC_KEY and RSA_PUBLIC_KEY_2. */
  readonly keys: (KeyObject | null)[]
}

/** A public key as ALTER USER takes it: the body of its PEM, with or without the lines around it. */
export function publicKeyFrom(text: string): KeyObject {
  const body = text.replace(/-----[^-]+-----/g, '').replace(/\s+/g, '')
  return createPublicKey({ key: Buffer.from(body, 'base64'), format: 'der', type: 'spki' })
}

export function fingerprint(key: KeyObject): string {
  const der = key.export({ format: 'der', type: 'spki' })
  return `SHA256:${createHash('sha256').update(der).digest('base64')}`
}

export function wrongPassword(): SnowflakeError {
  return new SnowflakeError('390100', '08001', 'Incorrect username or password was specified.')
}

function badToken(reason: string): SnowflakeError {
  return new SnowflakeError('390144', '08001', `JWT token is invalid. [${reason}]`)
}

/** How long a token may be valid: https://docs.snowflake.com/en/user-guide/key-pair-auth */
const lifeMsMax = 3_600_000

/**
 * Checks a login by key pair: RS256 under one of the user's two keys, whose fingerprint the issuer names
 * (ACCOUNT.USER.SHA256:…), not expired. Times in the token are seconds, or milliseconds as the Node driver writes them.
 */
export function checkToken(token: string, account: string, user: User | undefined, now: number): void {
  const [head = '', body = '', signature = ''] = token.split('.')
  const header = decoded(head)
  const claims = decoded(body)
  if (header.alg !== 'RS256') throw badToken('algorithm')
  const whole = `${account.toUpperCase()}.${user?.name ?? ''}`
  const issuer = String(claims.iss)
  if (user === undefined || claims.sub !== whole || !issuer.startsWith(`${whole}.`)) throw badToken('subject')
  const key = user.keys.find((each) => each !== null && fingerprint(each) === issuer.slice(whole.length + 1))
  if (key === undefined || key === null) throw badToken('fingerprint')
  if (!verify('RSA-SHA256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url')))
    throw badToken('signature')
  const issued = millis(claims.iat)
  const expires = millis(claims.exp)
  if (!(expires > now) || !(issued <= now + 60_000) || now - issued > lifeMsMax) throw badToken('expired')
}

function decoded(part: string): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>
  } catch {
    throw badToken('format')
  }
}

function millis(time: unknown): number {
  const value = Number(time)
  return value > 1e11 ? value : value * 1000
}
