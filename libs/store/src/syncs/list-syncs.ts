import type { Queries } from '../open-store.ts'
import { type Page, type PageRequest, toPage } from '../page.ts'
import { type Sync, selectSyncs } from './get-sync.ts'

/** The syncs of a project by id, which is by age. */
export async function listSyncs(
  db: Queries,
  { projectId, after, limit }: PageRequest<string> & { readonly projectId: string },
): Promise<Page<Sync, string>> {
  const rows = await selectSyncs(db)
    .where('syncs.project_id', '=', projectId)
    .$if(after !== null, (query) => query.where('syncs.id', '>', after))
    .orderBy('syncs.id')
    .limit(limit + 1)
    .execute()
  return toPage(rows, limit, ({ id }) => id)
}
