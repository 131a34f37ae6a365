import { noPrivilege, notThere, SnowflakeError } from './snowflake-error.ts'

export type GrantKind = 'DATABASE' | 'SCHEMA' | 'TABLE' | 'VIEW' | 'STREAM' | 'WAREHOUSE' | 'INTEGRATION'

/** The role that may do everything. */
export const adminRole = 'ACCOUNTADMIN'

/** What roles may do. Names of objects are whole, joined by dots: DATABASE.SCHEMA.TABLE. */
export class Grants {
  readonly #held = new Set<string>()

  grant(role: string, privilege: string, kind: GrantKind, name: string): void {
    this.#held.add(keyOf(role, privilege, kind, name))
  }

  revoke(role: string, privilege: string, kind: GrantKind, name: string): void {
    this.#held.delete(keyOf(role, privilege, kind, name))
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

  forgetRole(role: string): void {
    for (const key of this.#held) if (key.startsWith(`${role}|`)) this.#held.delete(key)
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
