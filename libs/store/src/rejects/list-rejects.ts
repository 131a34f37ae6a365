import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'
import { type Page, type PageRequest, toPage } from '../page.ts'

export type RejectDetail = {
  readonly chunk: number
  readonly ordinal: number
  readonly attempt: number
  readonly stage: 'transformer' | 'loader'
  readonly partition: number
  readonly rowId: string
  readonly code: string
  readonly field: string
  readonly message: string
  readonly createdAt: Date
}

/** Position in the order of a run's rejects: that of the rows in the source. */
export type RejectKey = Pick<RejectDetail, 'chunk' | 'ordinal' | 'attempt' | 'stage'>

/** The rejects of a run whose details were kept, in the order of its rows. The caller knows that the run is the project's. */
export async function listRejects(
  db: Queries,
  { runId, after, limit }: PageRequest<RejectKey> & { readonly runId: string },
): Promise<Page<RejectDetail, RejectKey>> {
  const rows = await db
    .selectFrom('rejects')
    .select(['chunk', 'ordinal', 'attempt', 'stage', 'partition', 'row_id as rowId', 'code', 'field', 'message'])
    .select('created_at as createdAt')
    .where('run_id', '=', runId)
    // A chunk that was read twice has rejects of both attempts; those of the present one are the run's.
    .where((reject) =>
      reject.not(
        reject.exists(
          reject
            .selectFrom('run_tasks')
            .select('index')
            .whereRef('run_tasks.run_id', '=', 'rejects.run_id')
            .where('kind', '=', 'read')
            .whereRef('run_tasks.index', '=', 'rejects.chunk')
            .whereRef('run_tasks.attempt', '<>', 'rejects.attempt'),
        ),
      ),
    )
    .$if(after !== null, (query) =>
      query.where(
        sql<boolean>`(chunk, ordinal, attempt, stage) > (${after?.chunk}, ${after?.ordinal}, ${after?.attempt}, ${after?.stage})`,
      ),
    )
    .orderBy('chunk')
    .orderBy('ordinal')
    .orderBy('attempt')
    .orderBy('stage')
    .limit(limit + 1)
    .execute()
  return toPage(rows, limit, ({ chunk, ordinal, attempt, stage }) => ({ chunk, ordinal, attempt, stage }))
}
