import { completeCount } from '@millrace/store/tasks/complete-count.ts'
import { runPin } from '@millrace/store/tasks/run-pin.ts'
import type { ReadPlan } from '@millrace/warehouses/warehouse.ts'
import type { ExtractorContext, TaskAtWork } from './extractor-context.ts'

/** Has the warehouse count the rows that are identical to another one: the report's own proof of what collapses. */
export async function countTask(context: ExtractorContext, work: TaskAtWork): Promise<void> {
  const { task, run, keeper, log, notes } = work
  const pinned = await runPin(context.db, run.runId)
  if (!pinned) return
  notes.pinEpoch = pinned.pinEpoch
  const warehouse = await context.warehouseOf(run.sourceId)
  const identical = await warehouse.countIdentical(pinned.plan as ReadPlan, pinned.pinShared, keeper.signal)
  await completeCount(context.db, { runId: run.runId, attempt: task.attempt, identical })
  log.info({ identical }, 'identical rows counted')
}
