import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/** Whether all of these blobs are there. */
export async function hasKeptBlobs(db: Queries, ids: readonly string[]): Promise<boolean> {
  const { rows } = await sql<{ missing: boolean }>`
    select exists (select from unnest(${ids}::uuid[]) as wanted (id)
      where not exists (select from mirror_blobs kept where kept.id = wanted.id)) as missing`.execute(db)
  return rows[0]?.missing === false
}
