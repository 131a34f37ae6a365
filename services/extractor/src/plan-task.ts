import { beforeColumns } from '@millrace/domain/mapping/before-columns.ts'
import { MappingError } from '@millrace/domain/mapping/compile.ts'
import { identityColumns } from '@millrace/domain/mapping/identity.ts'
import { validateMapping } from '@millrace/domain/mapping/validate.ts'
import { type PlanInputs, planInputs } from '@millrace/store/runs/plan-inputs.ts'
import type { UnfinishedRun } from '@millrace/store/runs/unfinished-run.ts'
import { completePlan } from '@millrace/store/tasks/complete-plan.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { Pin, ReadPlan } from '@millrace/warehouses/warehouse.ts'
import { registerChanges } from './changes-schema.ts'
import type { ExtractorContext, TaskAtWork } from './extractor-context.ts'
import { keptWriter } from './kept-in-store.ts'
import { writeMarkers } from './markers.ts'
import { requireConfirmation } from './needs-confirmation.ts'

/**
 * Fixes what the run will read, stores it, and holds the reading position. Nothing is read before the plan is stored, so
 * whoever reads a chunk, however often, reads the same rows. `run_open` stands in the topic before that: a plan that was
 * made twice opens the run twice, which is harmless. A mirror run that a person must confirm ends before anything is published;
 * what its comparison made in the warehouse is removed by its `clean` task.
 */
export async function planTask(context: ExtractorContext, work: TaskAtWork): Promise<void> {
  const inputs = await planInputs(context.db, work.run.runId)
  const { plan, pin } = await (inputs.unfinished === null
    ? makePlan(context, work, inputs)
    : takeUp(context, work, inputs.unfinished))
  let stored = false
  try {
    await failpoint('extractor.afterWarehousePlan')
    requireConfirmation(plan, inputs)
    await registerChanges(context, work.run, plan)
    await writeMarkers(context, work.run, 'run_open', work.task.attempt, null)
    await failpoint('extractor.beforePlanStored')
    stored = await storePlan(context, work, { plan, pin, takesUp: inputs.unfinished?.runId ?? null })
    await failpoint('extractor.afterPlanStored')
  } finally {
    if (!stored) await pin.close()
  }
  if (!stored) return
  await context.pins.hold(work.run.runId, pin)
  const { chunks, rowsEstimate, range, changes } = plan
  work.log.info({ chunks: chunks.length, rowsEstimate, range, changes }, 'run planned')
}

/**
 * A mirror run that ended on the way may have loaded any of its changes, so all of them are sent, by this run: what the
 * table is now does not tell which keys that run has brought to the destination. The table is not looked at.
 */
async function takeUp(
  context: ExtractorContext,
  { run, keeper, log }: TaskAtWork,
  unfinished: UnfinishedRun,
): Promise<{ readonly plan: ReadPlan; readonly pin: Pin }> {
  const warehouse = await context.warehouseOf(run.sourceId)
  const { plan, pin } = await warehouse.repin(unfinished.plan as ReadPlan, keeper.signal)
  log.info({ takesUp: unfinished.runId }, 'the plan of an unfinished run was taken up')
  return { plan, pin }
}

async function makePlan(
  context: ExtractorContext,
  { task, run, keeper }: TaskAtWork,
  inputs: PlanInputs,
): Promise<{ readonly plan: ReadPlan; readonly pin: Pin }> {
  const warehouse = await context.warehouseOf(run.sourceId)
  const described = await warehouse.describeTable(inputs.table, keeper.signal)
  // A column may have gone since the mapping was stored; said now, it is not every batch that cannot be transformed.
  const problems = validateMapping(run.mapping, described)
  // Where a person decides how to go on, they are shown how the table has changed, which the plan says before it makes anything.
  const asksFirst = run.mode === 'mirror' && inputs.cursor !== null && inputs.decision?.acceptedSchema === undefined
  if (problems.length > 0 && !asksFirst) throw new MappingError(problems)
  const planned = await warehouse.plan(
    {
      runId: run.runId,
      syncId: run.syncId,
      table: inputs.table,
      tableType: run.tableType,
      mode: run.mode,
      identity: identityColumns(run.mapping, described),
      insertTimeColumn: inputs.insertTimeColumn,
      overlapMs: inputs.overlapMs,
      cursor: inputs.cursor,
      before: run.mode === 'mirror' ? beforeColumns(run.mapping, described) : [],
      acceptedSchema: inputs.decision?.acceptedSchema ?? null,
      keep: keptWriter(context.db, { syncId: run.syncId, runId: run.runId, attempt: task.attempt }),
      chunkRows: context.chunkRows,
    },
    keeper.signal,
  )
  if (problems.length === 0) return planned
  await planned.pin.close()
  throw new MappingError(problems)
}

function storePlan(
  context: ExtractorContext,
  { task, run }: TaskAtWork,
  { plan, pin, takesUp }: { readonly plan: ReadPlan; readonly pin: Pin; readonly takesUp: string | null },
): Promise<boolean> {
  return completePlan(context.db, {
    runId: run.runId,
    attempt: task.attempt,
    plan,
    takesUp,
    pinShared: pin.shared,
    pinOwner: context.owner,
    chunks: plan.chunks,
    countIdentical: hasToCount(plan),
    partitions: context.partitions,
  })
}

/** A mirror's comparison has left identical rows out already; elsewhere they are read, and become the same event. */
function hasToCount({ mode, tableType, identity, chunks }: ReadPlan): boolean {
  return mode !== 'mirror' && tableType === 'events' && identity.length === 0 && chunks.length > 0
}
