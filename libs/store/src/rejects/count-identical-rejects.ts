import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/**
 * Rejects of a run that are copies of another reject: rows beyond the first of each row id. Exact as long as the details
 * of all rejects were kept, a lower bound otherwise.
 */
export async function countIdenticalRejects(db: Queries, runId: string): Promise<number> {
  const { rows } = await sql<{ copies: number }>`
    select count(*) - count(distinct row_id) as copies
    from rejects
    join run_tasks task
      on task.run_id = rejects.run_id and task.kind = 'read' and task.index = rejects.chunk
        and task.attempt = rejects.attempt
    where rejects.run_id = ${runId}`.execute(db)
  return rows[0]?.copies ?? 0
}
