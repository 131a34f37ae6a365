import { noPrivilege, notThere, SnowflakeError } from './snowflake-error.ts'

export type GrantKind = 'DATABASE' | 'SCHEMA' | 'TABLE' | 'VIEW' | 'STREAM' | 'WAREHOUSE' | 'INTEGRATION'

/** The role that may do everything. */
export const adminRole = 'ACCOUNTADMIN'

/** What roles may do. Names of objects are whole, joined by dots: DATABASE.SCHEMA.TABLE. */
export class Grants {
  readonly #held = new Set<string>()
  readonly #future = new Set<string>()

  grant(role: string, privilege: string, kind: GrantKind, name: string): void {
    this.#held.add(keyOf(role, privilege, kind, name))
  }

  revoke(role: string, privilege: string, kind: GrantKind, name: string): void {
    this.#held.delete(keyOf(role, privilege, kind, name))
  }

  /** Grants on objects of a kind that will be made within a database or schema. */
  future(role: string, privilege: string, kind: GrantKind, within: string, isGiven: boolean): void {
    const key = keyOf(role, privilege, kind, within)
    if (isGiven) this.#future.add(key)
    else this.#future.delete(key)
  }

  /** Gives what was granted on future objects; those of a schema count instead of those of its database. */
  made(kind: GrantKind, name: string): void {
    const parts = name.split('.')
    const places = parts
      .map((_, i) => parts.slice(0, i + 1).join('.'))
      .slice(0, -1)
      .toReversed()
    for (const place of places) {
      const found = [...this.#future]
        .map((key) => key.split('|'))
        .filter(([, , of, within]) => of === kind && within === place)
      for (const [role = '', privilege = ''] of found) this.grant(role, privilege, kind, name)
      if (found.length > 0) return
    }
  }

  has(role: string, privilege: string, kind: GrantKind, name: string): boolean {
    return role === adminRole || this.#held.has(keyOf(role, privilege, kind, name))
  }

  /** Whether a role holds any privilege on an object, which is what makes it visible. */
  sees(role: string, kind: GrantKind, name: string): boolean {
    if (role === adminRole) return true
    const end = `|${kind}|${name}`
    return [...this.#held].some((key) => key.startsWith(`${role}|`) && key.endsWith(end))
  }

  /** An object that a role cannot see is told of as if it were not there; one that it sees but may not use is refused. */
  demand(role: string, privilege: string, kind: GrantKind, name: string): void {
    if (this.has(role, privilege, kind, name)) return
    throw this.sees(role, kind, name)
      ? noPrivilege(kind, name.split('.').at(-1) ?? name)
      : notThere(capital(kind), name)
  }

  /** What was granted on an object goes with it. */
  forget(kind: GrantKind, name: string): void {
    for (const key of this.#held) if (key.endsWith(`|${kind}|${name}`)) this.#held.delete(key)
  }
}

export function roleNotGranted(role: string): SnowflakeError {
  return new SnowflakeError(
    '003013',
    '42501',
    `SQL access control error:\nRequested role '${role}' is not assigned to the executing user. Specify another role to activate.`,
  )
}

function keyOf(role: string, privilege: string, kind: GrantKind, name: string): string {
  return `${role}|${privilege}|${kind}|${name}`
}

function capital(word: string): string {
  return word.slice(0, 1) + word.slice(1).toLowerCase()
}
