import { runContext } from '@millrace/store/runs/run-context.ts'
import { failTask } from '@millrace/store/tasks/fail-task.ts'
import type { LeasedTask } from '@millrace/store/tasks/lease-task.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { ExtractorContext, TaskNotes } from './extractor-context.ts'
import { failureOf } from './failure-of.ts'
import { LeaseLost } from './lease-keeper.ts'
import { repinRun } from './repin.ts'
import { retryDelayMs } from './retry-delay.ts'

export type UnfinishedTask = {
  readonly task: LeasedTask
  readonly notes: TaskNotes
  readonly error: unknown
  readonly log: Logger
  readonly stop: AbortSignal
}

/**
 * Gives a task back that was not finished. A lost lease is another's already; a process that stops lets go of the lease
 * at once, without counting a failure; after an error the task is tried at once, later, or never again (the run fails).
 */
export async function handOver(context: ExtractorContext, unfinished: UnfinishedTask): Promise<void> {
  const { task, error, log } = unfinished
  try {
    if (error instanceof LeaseLost) {
      log.info({ reason: error.message }, 'task given up')
      // With 0 the store gives the lease back without counting a failure.
      if (error.code === 'stopping')
        await failTask(context.db, { ...coordinates(task), error: failureOf(error), retryInMs: 0 })
      return
    }
    await failOrRetry(context, unfinished)
  } catch (storeError) {
    // The lease runs out by itself; the task is then taken up by whoever comes next.
    log.warn({ err: storeError }, 'the end of the task could not be recorded')
  }
}

async function failOrRetry(context: ExtractorContext, { task, notes, error, log, stop }: UnfinishedTask) {
  const retryInMs = retryDelayMs(error, task.failures)
  log.warn({ err: error, retryInMs }, retryInMs === null ? 'task failed for good' : 'task failed')
  let reason = error
  if (isPinLost(error) && notes.pinEpoch !== null) {
    const run = await runContext(context.db, task.runId)
    try {
      if (run) await repinRun(context, { run, pinEpoch: notes.pinEpoch, log, signal: stop })
    } catch (repinError) {
      log.warn({ err: repinError }, 'no new reading position')
      reason = repinError
    }
  }
  const delay = reason === error ? retryInMs : retryDelayMs(reason, task.failures)
  await failTask(context.db, { ...coordinates(task), error: failureOf(reason), retryInMs: delay })
}

function coordinates({ runId, kind, index, attempt }: LeasedTask) {
  return { runId, kind, index, attempt }
}

function isPinLost(error: unknown): boolean {
  return (error as { code?: string }).code === 'pin_lost'
}
