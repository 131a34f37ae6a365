import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/** Ends an account for good; gives its user name, null when there is none that is valid. */
export async function revokeAccount(db: Queries, id: string): Promise<string | null> {
  const revoked = await db
    .updateTable('service_accounts')
    .set({ revoked_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returning('username')
    .executeTakeFirst()
  return revoked?.username ?? null
}
