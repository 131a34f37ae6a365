import type { Queries } from '../open-store.ts'

/** Bytes by id; those that are gone are missing. */
export async function keptBlobs(db: Queries, ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  if (ids.length === 0) return new Map()
  const rows = await db.selectFrom('mirror_blobs').select(['id', 'bytes']).where('id', 'in', ids).execute()
  return new Map(rows.map(({ id, bytes }) => [id, bytes]))
}
