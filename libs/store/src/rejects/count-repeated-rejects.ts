import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/**
 * Rows rejected in a run that an earlier run of its sync has rejected too. Exact as long as the details of all rejects
 * are kept, a lower bound otherwise.
 */
export async function countRepeatedRejects(db: Queries, runId: string): Promise<number> {
  const { rows } = await sql<{ rows: number }>`
    select count(distinct rejects.row_id)::int as rows
    from rejects
    join run_tasks task
      on task.run_id = rejects.run_id and task.kind = 'read' and task.index = rejects.chunk
        and task.attempt = rejects.attempt
    join runs run on run.id = rejects.run_id
    where rejects.run_id = ${runId} and exists (
      select from rejects other join runs earlier on earlier.id = other.run_id
      where earlier.sync_id = run.sync_id and earlier.run_seq < run.run_seq and earlier.state = 'succeeded'
        and other.row_id = rejects.row_id
    )`.execute(db)
  return rows[0]?.rows ?? 0
}
