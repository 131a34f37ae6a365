import { runLeavings } from '@millrace/store/runs/run-leavings.ts'
import { completeClean } from '@millrace/store/tasks/complete-clean.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { ReadPlan } from '@millrace/warehouses/warehouse.ts'
import type { ExtractorContext, TaskAtWork } from './extractor-context.ts'

/**
 * Removes what an ended run has left in the warehouse. Safe to repeat, and repeated until it succeeds. What the sync's next
 * run begins from stays, and all of a mirror run that it takes up; the task is opened again when that is of no use any more.
 */
export async function cleanTask(context: ExtractorContext, { task, run, keeper, log }: TaskAtWork): Promise<void> {
  const { runId, syncId } = run
  await context.pins.release(runId)
  const { isUnfinished, ...leavings } = await runLeavings(context.db, runId)
  const warehouse = await context.warehouseOf(run.sourceId)
  await failpoint('extractor.beforeClean')
  if (!isUnfinished)
    await warehouse.cleanUp({ runId, syncId, ...leavings, plan: leavings.plan as ReadPlan | null }, keeper.signal)
  await failpoint('extractor.afterClean')
  const completed = await completeClean(context.db, { runId, attempt: task.attempt })
  log.info({ completed, isNeeded: leavings.isNeeded, isUnfinished }, 'run cleaned up')
}
