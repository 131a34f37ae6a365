import type { Queries } from '../open-store.ts'

export type StoredSet = { readonly head: Buffer; readonly blobs: readonly (string | null)[] }

/** What a run of a mirrored sync has kept for the next one; null when it is gone. */
export async function keptSet(db: Queries, id: string): Promise<StoredSet | null> {
  const row = await db.selectFrom('mirror_sets').select(['head', 'blobs']).where('id', '=', id).executeTakeFirst()
  return row ?? null
}
