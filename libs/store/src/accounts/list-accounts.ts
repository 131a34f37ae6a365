import type { Queries } from '../open-store.ts'
import { type Page, type PageRequest, toPage } from '../page.ts'
import type { Role } from '../schema.ts'

export type AccountSummary = {
  readonly id: string
  readonly username: string
  readonly projectId: string | null
  readonly role: Role
  readonly createdAt: Date
}

/** Accounts that were not revoked, oldest first, by id. */
export async function listAccounts(
  db: Queries,
  { after, limit }: PageRequest<string>,
): Promise<Page<AccountSummary, string>> {
  const rows = await db
    .selectFrom('service_accounts')
    .select(['id', 'username', 'project_id as projectId', 'role', 'created_at as createdAt'])
    .where('revoked_at', 'is', null)
    .$if(after !== null, (query) => query.where('id', '>', after))
    .orderBy('id')
    .limit(limit + 1)
    .execute()
  return toPage(rows, limit, ({ id }) => id)
}
