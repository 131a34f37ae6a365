import type { Lane, WarehouseKind } from '@millrace/domain/words.ts'
import { runContext } from '@millrace/store/runs/run-context.ts'
import { type LeasedTask, leaseTask } from '@millrace/store/tasks/lease-task.ts'
import { renewLease } from '@millrace/store/tasks/renew-lease.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import { cleanTask } from './clean-task.ts'
import { closeTask } from './close-task.ts'
import { countTask } from './count-task.ts'
import type { ExtractorContext, TaskAtWork, TaskNotes } from './extractor-context.ts'
import { handOver } from './hand-over.ts'
import { LeaseKeeper, type LeaseKeeperOptions } from './lease-keeper.ts'
import { planTask } from './plan-task.ts'
import { readTask } from './read-task.ts'

export type TaskLoopOptions = LeaseKeeperOptions & {
  readonly warehouse: WarehouseKind
  readonly lanes: readonly Lane[]
  /** Pause after finding no task. */
  readonly pollMs: number
}

/**
 * Leases tasks and works on them one after the other until `stop`; the task at work then is given back at once. Several
 * loops share one process: their readers yield at every read of a socket, so leases are renewed in time.
 */
export async function runTaskLoop(
  context: ExtractorContext,
  options: TaskLoopOptions,
  log: Logger,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    const task = await leaseNext(context, options, log)
    if (task) await workOn(context, options, task, log, stop)
    else await pause(options.pollMs, stop)
  }
}

async function leaseNext(context: ExtractorContext, options: TaskLoopOptions, log: Logger): Promise<LeasedTask | null> {
  try {
    return await leaseTask(context.db, {
      owner: context.owner,
      warehouse: options.warehouse,
      lanes: options.lanes,
      leaseMs: options.leaseMs,
    })
  } catch (error) {
    log.warn({ err: error }, 'no task could be leased; trying again')
    return null
  }
}

async function workOn(
  context: ExtractorContext,
  options: TaskLoopOptions,
  task: LeasedTask,
  log: Logger,
  stop: AbortSignal,
): Promise<void> {
  const { runId, kind, index, attempt } = task
  const taskLog = log.child({ run: runId, task: kind, chunk: index, attempt })
  const notes: TaskNotes = { publisher: null, pinEpoch: null }
  const renew = () =>
    renewLease(context.db, {
      runId,
      kind,
      index,
      attempt,
      leaseMs: options.leaseMs,
      publishedBytes: notes.publisher?.publishedBytes ?? 0,
      rowsRead: notes.publisher?.rows ?? 0,
    })
  const keeper = new LeaseKeeper(renew, { ...options, afterEnd: kind === 'clean' }, stop)
  context.activity.tasks += 1
  try {
    const run = await runContext(context.db, runId)
    if (!run) return
    const runLog = taskLog.child({ sync: run.syncId, project: run.projectId })
    await perform(context, { task, run, keeper, log: runLog, notes })
  } catch (error) {
    const reason = keeper.signal.aborted ? keeper.signal.reason : error
    await handOver(context, { task, notes, error: reason, log: taskLog, stop })
  } finally {
    await keeper.stop()
    context.activity.tasks -= 1
  }
}

async function perform(context: ExtractorContext, work: TaskAtWork): Promise<void> {
  switch (work.task.kind) {
    case 'plan':
      return planTask(context, work)
    case 'read':
      return readTask(context, work)
    case 'count':
      return countTask(context, work)
    case 'close':
      return closeTask(context, work)
    case 'clean':
      return cleanTask(context, work)
  }
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      stop.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    stop.addEventListener('abort', done, { once: true })
  })
}
