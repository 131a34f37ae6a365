import type { RunContext } from '@millrace/store/runs/run-context.ts'
import { repin } from '@millrace/store/tasks/repin.ts'
import { runPin } from '@millrace/store/tasks/run-pin.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { ReadPlan } from '@millrace/warehouses/warehouse.ts'
import type { ExtractorContext } from './extractor-context.ts'

export type LostPin = {
  readonly run: RunContext
  /** The pin that was found lost; when the run has a newer one by now, there is nothing to do. */
  readonly pinEpoch: number
  readonly log: Logger
  readonly signal: AbortSignal
}

/**
 * After a reading position died with its process: opens a new one and stores it by compare-and-set, so that of several
 * readers that notice, one wins and the others use its pin. Chunks already read are kept or read again as the warehouse
 * says (see its guarantees per mode).
 */
export async function repinRun(context: ExtractorContext, { run, pinEpoch, log, signal }: LostPin): Promise<void> {
  const seen = await runPin(context.db, run.runId)
  if (seen?.pinEpoch !== pinEpoch) return
  const warehouse = await context.warehouseOf(run.sourceId)
  const { plan, pin, rereadAll } = await warehouse.repin(seen.plan as ReadPlan, signal)
  let won = false
  try {
    won = await repin(context.db, {
      runId: run.runId,
      expectedPinEpoch: pinEpoch,
      plan,
      pinShared: pin.shared,
      pinOwner: context.owner,
      rereadAll,
    })
  } finally {
    if (!won) await pin.close()
  }
  if (!won) return
  await context.pins.hold(run.runId, pin)
  log.warn({ rereadAll, pinEpoch: pinEpoch + 1 }, 'the reading position was lost; pinned again')
}
