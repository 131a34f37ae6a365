import type { Role } from '@millrace/store/schema.ts'

/** What a route asks of its caller. Each route names one; a route without is an error at start. */
export const permissions = {
  /** No sign-in: the documentation. */
  public: [],
  'accounts.manage': ['owner'],
  'projects.create': ['owner'],
  'projects.change': ['owner', 'admin'],
  'sources.change': ['owner', 'admin'],
  /** Reads rows from a warehouse with stored credentials. */
  'sources.preview': ['owner', 'admin'],
  'syncs.change': ['owner', 'admin'],
  'runs.control': ['owner', 'admin'],
  'syncs.trigger': ['owner', 'admin', 'trigger'],
  /** How a run goes: what an orchestrator that triggers it waits for. */
  'runs.read': ['owner', 'admin', 'analyst', 'trigger'],
  read: ['owner', 'admin', 'analyst'],
} as const satisfies Readonly<Record<string, readonly Role[]>>

export type Permission = keyof typeof permissions

export function mayRole(role: Role, permission: Permission): boolean {
  return (permissions[permission] as readonly Role[]).includes(role)
}
