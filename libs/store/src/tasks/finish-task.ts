import type { TaskKind } from '@millrace/domain/sync/task-kind.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/** Names a task and the lease under which somebody works on it. */
export type TaskLease = {
  readonly runId: string
  readonly kind: TaskKind
  readonly index: number
  readonly attempt: number
}

/** Marks a leased task done; false when the lease is another's by now, and nothing is changed. */
export async function finishTask(tx: Queries, { runId, kind, index, attempt }: TaskLease): Promise<boolean> {
  const finished = await tx
    .updateTable('run_tasks')
    .set({ state: 'done', lease_until: null, last_error: null, updated_at: sql`now()` })
    .where('run_id', '=', runId)
    .where('kind', '=', kind)
    .where('index', '=', index)
    .where('attempt', '=', attempt)
    .where('state', '=', 'leased')
    .returning('run_id')
    .executeTakeFirst()
  return finished !== undefined
}
