import { randomUUID } from 'node:crypto'
import { roleNotGranted } from './grants.ts'
import type { Session } from './session.ts'
import { notThere, SnowflakeError } from './snowflake-error.ts'
import { checkToken, publicKeyFrom, type User, wrongPassword } from './users.ts'

type Tokens = {
  readonly session: Session
  token: string
  expiresAt: number
  readonly master: string
  masterExpiresAt: number
}

export type LoginData = {
  readonly ACCOUNT_NAME?: string
  readonly LOGIN_NAME?: string
  readonly PASSWORD?: string
  readonly AUTHENTICATOR?: string
  readonly TOKEN?: string
}

export type LoginPlace = {
  readonly role: string | null
  readonly warehouse: string | null
  readonly database: string | null
  readonly schema: string | null
}

export type SessionLimits = { sessionMs: number; masterMs: number }

/** Logins and the tokens they gave. */
export class Sessions {
  readonly users = new Map<string, User>()
  readonly limits: SessionLimits = { sessionMs: 3_600_000, masterMs: 14_400_000 }
  readonly #account: string
  readonly #now: () => number
  readonly #open = new Map<number, Tokens>()
  #serial = 1000

  constructor(account: string, now: () => number) {
    this.#account = account
    this.#now = now
  }

  login(data: LoginData, place: LoginPlace): Tokens {
    const user = this.users.get(String(data.LOGIN_NAME ?? '').toUpperCase())
    if (data.AUTHENTICATOR === 'SNOWFLAKE_JWT') checkToken(String(data.TOKEN), this.#account, user, Date.now())
    else if (user === undefined || user.password === null || user.password !== data.PASSWORD) throw wrongPassword()
    if (user === undefined) throw wrongPassword()
    const role = place.role ?? user.defaultRole
    if (!user.roles.has(role)) throw loginRole(role)
    const session: Session = {
      id: ++this.#serial,
      user: user.name,
      role,
      warehouse: place.warehouse,
      database: place.database,
      schema: place.schema,
      parameters: new Map(),
      transaction: null,
      lastQueryId: null,
    }
    const now = this.#now()
    const tokens = {
      session,
      token: randomUUID(),
      expiresAt: now + this.limits.sessionMs,
      master: randomUUID(),
      masterExpiresAt: now + this.limits.masterMs,
    }
    this.#open.set(session.id, tokens)
    return tokens
  }

  /** The session of a request. An expired token is to be renewed with the master token. */
  of(authorization: string | undefined): Session {
    const token = tokenIn(authorization)
    const found = [...this.#open.values()].find((each) => each.token === token)
    if (found === undefined)
      throw new SnowflakeError('390104', '08001', 'Session token not found or invalid. Please log in again.')
    if (found.expiresAt <= this.#now())
      throw new SnowflakeError('390112', '08001', 'Your session has expired. Please login again.')
    return found.session
  }

  renew(authorization: string | undefined): Tokens {
    const token = tokenIn(authorization)
    const found = [...this.#open.values()].find((each) => each.master === token)
    if (found === undefined)
      throw new SnowflakeError('390113', '08001', 'Master token not found or invalid. Please log in again.')
    const now = this.#now()
    if (found.masterExpiresAt <= now)
      throw new SnowflakeError(
        '390114',
        '08001',
        'Authentication token has expired.  The user must authenticate again.',
      )
    found.token = randomUUID()
    found.expiresAt = now + this.limits.sessionMs
    return found
  }

  /** Session tokens given out so far are expired; master tokens are not. */
  expireTokens(): void {
    for (const tokens of this.#open.values()) tokens.expiresAt = 0
  }

  end(session: Session): void {
    this.#open.delete(session.id)
  }

  /** Puts a key into slot 1 or 2 of a user; null takes it out. */
  setPublicKey(name: string, slot: number, key: string | null): void {
    const user = this.users.get(name.toUpperCase())
    if (user === undefined) throw notThere('User', name)
    user.keys[slot - 1] = key === null ? null : publicKeyFrom(key)
  }

  useRole(session: Session, role: string): void {
    if (this.users.get(session.user)?.roles.has(role) !== true) throw roleNotGranted(role)
    session.role = role
  }
}

function loginRole(role: string): SnowflakeError {
  return new SnowflakeError(
    '390189',
    '08001',
    `Role '${role}' specified in the connect string does not exist or not authorized. Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.`,
  )
}

function tokenIn(authorization: string | undefined): string {
  return /^Snowflake Token="(.*)"$/.exec(authorization ?? '')?.[1] ?? ''
}
