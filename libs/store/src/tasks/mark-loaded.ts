import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/**
 * Marks finished chunks of which everything is loaded, so that renewals of leases (renewLease) sum over the few that are
 * under way, not over all that a long run has read. Safe to repeat, and to leave out.
 */
export async function markLoaded(db: Queries): Promise<void> {
  await sql`/* prepared: mark-loaded */
    update run_tasks task set loaded = true
    from runs run
    where run.state = 'reading' and task.run_id = run.id and task.kind = 'read' and task.state = 'done'
      and not task.loaded and task.published_bytes <= (
        select coalesce(sum(progress.bytes), 0) from run_progress progress
        where progress.run_id = task.run_id and progress.chunk = task.index and progress.attempt = task.attempt
      )`.execute(db)
}
