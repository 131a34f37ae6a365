import { repin } from '@millrace/store/tasks/repin.ts'
import { runPin } from '@millrace/store/tasks/run-pin.ts'
import type { ReadPlan } from '@millrace/warehouses/warehouse.ts'
import type { ExtractorContext, TaskAtWork } from './extractor-context.ts'

/**
 * After a reading position died with its process: opens a new one and stores it by compare-and-set, so that of several
 * readers that notice, one wins and the others use its pin. Chunks already read are kept or read again as the warehouse
 * says (see its guarantees per mode).
 */
export async function repinRun(context: ExtractorContext, { run, log, signal }: Pick<TaskAtWork, "run" | "log"> & { signal: AbortSignal }): Promise<void> {
  const seen = await runPin(context.db, run.runId)
  if (!seen) return
  const warehouse = await context.warehouseOf(run.sourceId)
  const { plan, pin, rereadAll } = await warehouse.repin(seen.plan as ReadPlan, signal)
  const won = await repin(context.db, {
    runId: run.runId,
    expectedPinEpoch: seen.pinEpoch,
    plan,
    pinShared: pin.shared,
    pinOwner: context.owner,
    rereadAll,
  })
  if (!won) return void (await pin.close())
  await context.pins.hold(run.runId, pin)
  log.warn({ rereadAll, pinEpoch: seen.pinEpoch + 1 }, 'the reading position was lost; pinned again')
}
