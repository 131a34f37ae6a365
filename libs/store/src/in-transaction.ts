import type { Queries } from './open-store.ts'

/**
 * Does `work` in one transaction: a new one, or the caller's when `db` is one already. So every operation is whole by
 * itself and can be made part of something larger, such as a change together with its audit entry.
 */
export async function inTransaction<T>(db: Queries, work: (tx: Queries) => Promise<T>): Promise<T> {
  return db.isTransaction ? work(db) : db.transaction().execute(work)
}
