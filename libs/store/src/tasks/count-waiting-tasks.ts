import type { Lane, WarehouseKind } from '@millrace/domain/words.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

/** How many tasks of a warehouse could be leased now, by lane: what extractors are scaled by. Lanes without any are left out. */
export async function countWaitingTasks(
  db: Queries,
  { warehouse, lanes }: { readonly warehouse: WarehouseKind; readonly lanes: readonly Lane[] },
): Promise<ReadonlyMap<Lane, number>> {
  const { rows } = await sql<{ lane: Lane; tasks: number }>`
    select run.lane, count(*)::int as tasks
    from run_tasks task
    join runs run on run.id = task.run_id
    where (task.state = 'pending' and (task.not_before is null or task.not_before <= now())
        or task.state = 'leased' and task.lease_until < now())
      and run.warehouse = ${warehouse}
      and run.lane = any(${lanes})
      and (task.kind <> 'clean' and run.state in ('queued', 'planning', 'reading')
        or task.kind = 'clean' and run.state in ('succeeded', 'failed', 'cancelled'))
    group by run.lane`.execute(db)
  return new Map(rows.map(({ lane, tasks }) => [lane, tasks]))
}
