import type { Queries } from '../open-store.ts'
import type { Role } from '../schema.ts'

export type Account = {
  readonly id: string
  readonly username: string
  /** As libs/secrets made it. */
  readonly secretHash: string
  /** null = all projects. */
  readonly projectId: string | null
  readonly role: Role
}

/** The service account of a user name; null when there is none or it was revoked. */
export async function findAccount(db: Queries, username: string): Promise<Account | null> {
  const account = await db
    .selectFrom('service_accounts')
    .select(['id', 'username', 'secret_hash as secretHash', 'project_id as projectId', 'role'])
    .where('username', '=', username)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
  return account ?? null
}
