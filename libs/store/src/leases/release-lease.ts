import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/** Lets go of a lease, so that the next owner need not wait for its end. Nothing happens when it is another's. */
export async function releaseLease(
  db: Queries,
  { name, owner }: { readonly name: string; readonly owner: string },
): Promise<void> {
  await db
    .updateTable('leases')
    .set({ until: sql`now()` })
    .where('name', '=', name)
    .where('owner', '=', owner)
    .execute()
}
