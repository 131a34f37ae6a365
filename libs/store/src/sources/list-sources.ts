import type { Queries } from '../open-store.ts'
import { type Page, type PageRequest, toPage } from '../page.ts'
import { type Source, sourceColumns } from './get-source.ts'

/** The sources of a project by id, which is by age. */
export async function listSources(
  db: Queries,
  { projectId, after, limit }: PageRequest<string> & { readonly projectId: string },
): Promise<Page<Source, string>> {
  const rows = await db
    .selectFrom('sources')
    .select(sourceColumns)
    .where('project_id', '=', projectId)
    .where('deleted_at', 'is', null)
    .$if(after !== null, (query) => query.where('id', '>', after))
    .orderBy('id')
    .limit(limit + 1)
    .execute()
  return toPage(rows, limit, ({ id }) => id)
}
