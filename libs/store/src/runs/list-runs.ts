import type { Queries } from '../open-store.ts'
import { type Page, type PageRequest, toPage } from '../page.ts'
import { type Run, selectRuns } from './get-run.ts'

/** The runs of a sync, the newest first; pages go by `runSeq`. */
export async function listRuns(
  db: Queries,
  { projectId, syncId, after, limit }: PageRequest<number> & { readonly projectId: string; readonly syncId: string },
): Promise<Page<Run, number>> {
  const rows = await selectRuns(db)
    .where('runs.sync_id', '=', syncId)
    .where('runs.project_id', '=', projectId)
    .$if(after !== null, (query) => query.where('runs.run_seq', '<', after))
    .orderBy('runs.run_seq', 'desc')
    .limit(limit + 1)
    .execute()
  return toPage(rows, limit, ({ runSeq }) => runSeq)
}
