import type { Queries } from '../open-store.ts'
import { type Page, type PageRequest, toPage } from '../page.ts'
import { type Project, projectColumns } from './get-project.ts'

/** Projects by id, which is by age; `only` leaves one of them, for accounts that belong to it. */
export async function listProjects(
  db: Queries,
  { after, limit, only }: PageRequest<string> & { readonly only: string | null },
): Promise<Page<Project, string>> {
  const rows = await db
    .selectFrom('projects')
    .select(projectColumns)
    .$if(after !== null, (query) => query.where('id', '>', after))
    .$if(only !== null, (query) => query.where('id', '=', only))
    .orderBy('id')
    .limit(limit + 1)
    .execute()
  return toPage(rows, limit, ({ id }) => id)
}
