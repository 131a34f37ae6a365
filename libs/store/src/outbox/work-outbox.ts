import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

export type OutboxEntry = { readonly id: number; readonly kind: string; readonly payload: unknown }

/**
 * Hands the oldest entries to `handle`, each in a transaction of its own together with the mark that it is done, so an
 * effect inside the store happens exactly once; one outside of it at least once. Stops at the first entry that fails,
 * which stays. Gives the number of entries done.
 */
export async function workOutbox(
  db: Queries,
  entriesMax: number,
  handle: (tx: Queries, entry: OutboxEntry) => Promise<void>,
): Promise<number> {
  let done = 0
  while (done < entriesMax && (await workOne(db, handle))) done += 1
  return done
}

async function workOne(db: Queries, handle: (tx: Queries, entry: OutboxEntry) => Promise<void>): Promise<boolean> {
  return db.transaction().execute(async (tx) => {
    const entry = await tx
      .selectFrom('outbox')
      .select(['id', 'kind', 'payload'])
      .where('done_at', 'is', null)
      .orderBy('id')
      .limit(1)
      .forUpdate()
      .skipLocked()
      .executeTakeFirst()
    if (!entry) return false
    await handle(tx, entry)
    await tx.updateTable('outbox').set({ done_at: sql`now()` }).where('id', '=', entry.id).execute()
    return true
  })
}
