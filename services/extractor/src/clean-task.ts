import { planInputs } from '@millrace/store/runs/plan-inputs.ts'
import { completeClean } from '@millrace/store/tasks/complete-clean.ts'
import { runPin } from '@millrace/store/tasks/run-pin.ts'
import type { ReadPlan } from '@millrace/warehouses/warehouse.ts'
import type { ExtractorContext, TaskAtWork } from './extractor-context.ts'

/** Removes what an ended run has left in the warehouse. Safe to repeat, and repeated until it succeeds. */
export async function cleanTask(context: ExtractorContext, { task, run, keeper, log }: TaskAtWork): Promise<void> {
  await context.pins.release(run.runId)
  const pinned = await runPin(context.db, run.runId)
  const { table } = await planInputs(context.db, run.runId)
  const warehouse = await context.warehouseOf(run.sourceId)
  const leavings = {
    runId: run.runId,
    syncId: run.syncId,
    table,
    plan: (pinned?.plan ?? null) as ReadPlan | null,
    isNeeded: true,
    isSucceeded: run.state === 'succeeded',
  }
  await warehouse.cleanUp(leavings, keeper.signal)
  await completeClean(context.db, { runId: run.runId, attempt: task.attempt })
  log.info('run cleaned up')
}
