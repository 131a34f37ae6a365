import type { Queries } from '../open-store.ts'

/** Removes entries that were done before `doneBefore`. */
export async function pruneOutbox(db: Queries, { doneBefore }: { readonly doneBefore: Date }): Promise<void> {
  await db.deleteFrom('outbox').where('done_at', '<', doneBefore).execute()
}
