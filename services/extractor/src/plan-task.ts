import { identityColumns } from '@millrace/domain/mapping/identity.ts'
import { planInputs } from '@millrace/store/runs/plan-inputs.ts'
import { completePlan } from '@millrace/store/tasks/complete-plan.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { ExtractorContext, TaskAtWork } from './extractor-context.ts'
import { writeMarkers } from './markers.ts'

/**
 * Fixes what the run will read, stores it, and holds the reading position. Nothing is read before the plan is stored, so
 * whoever reads a chunk, however often, reads the same rows.
 */
export async function planTask(context: ExtractorContext, { task, run, keeper, log }: TaskAtWork): Promise<void> {
  const inputs = await planInputs(context.db, run.runId)
  const warehouse = await context.warehouseOf(run.sourceId)
  const described = await warehouse.describeTable(inputs.table, keeper.signal)
  const { plan, pin } = await warehouse.plan(
    {
      table: inputs.table,
      tableType: run.tableType,
      mode: run.mode,
      identity: identityColumns(run.mapping, described),
      insertTimeColumn: inputs.insertTimeColumn,
      overlapMs: inputs.overlapMs,
      cursor: inputs.cursor,
      chunkRows: context.chunkRows,
    },
    keeper.signal,
  )
  try {
    await writeMarkers(context, run, 'run_open', task.attempt, null)
    await failpoint('extractor.beforePlanStored')
    const stored = await completePlan(context.db, {
      runId: run.runId,
      attempt: task.attempt,
      plan,
      pinShared: pin.shared,
      pinOwner: context.owner,
      chunks: plan.chunks,
      countIdentical: run.tableType === 'events' && plan.identity.length === 0 && plan.chunks.length > 0,
      partitions: context.partitions,
    })
    if (!stored) return void (await pin.close())
  } catch (error) {
    await pin.close()
    throw error
  }
  await context.pins.hold(run.runId, pin)
  log.info({ chunks: plan.chunks.length, rowsEstimate: plan.rowsEstimate, range: plan.range }, 'run planned')
}
