import type { Lane, WarehouseKind } from '@millrace/domain/words.ts'
import { failTask } from '@millrace/store/tasks/fail-task.ts'
import { leaseTask, type LeasedTask } from '@millrace/store/tasks/lease-task.ts'
import { runContext } from '@millrace/store/runs/run-context.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import { closeTask } from './close-task.ts'
import { countTask } from './count-task.ts'
import type { ExtractorContext, TaskAtWork } from './extractor-context.ts'
import { LeaseKeeper, LeaseLost } from './lease-keeper.ts'
import { planTask } from './plan-task.ts'
import { type ReadProgress, readTask } from './read-task.ts'
import { repinRun } from './repin.ts'
import { retryDelayMs } from './retry-delay.ts'

export type TaskLoopOptions = {
  readonly warehouse: WarehouseKind
  readonly lanes: readonly Lane[]
  readonly leaseMs: number
  readonly renewEveryMs: number
  readonly pollMs: number
  readonly inFlightBytesMax: number
}

/** Leases tasks and works on them one after the other until `stop`. Several loops share one process. */
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
  const taskLog = log.child({ run: task.runId, task: task.kind, chunk: task.index, attempt: task.attempt })
  const progress: ReadProgress = { publisher: null }
  const keeper = new LeaseKeeper(
    context.db,
    task,
    {
      leaseMs: options.leaseMs,
      renewEveryMs: options.renewEveryMs,
      inFlightBytesMax: options.inFlightBytesMax,
      progress: () => ({
        publishedBytes: progress.publisher?.publishedBytes ?? 0,
        rowsRead: progress.publisher?.rows ?? 0,
      }),
    },
    stop,
  )
  try {
    const run = await runContext(context.db, task.runId)
    if (!run) return
    const log = taskLog.child({ sync: run.syncId, project: run.projectId })
    await perform(context, { task, run, keeper, log }, progress)
  } catch (error) {
    await handOver(context, task, keeper.signal.aborted ? keeper.signal.reason : error, taskLog)
  } finally {
    await keeper.stop()
  }
}

async function perform(context: ExtractorContext, work: TaskAtWork, progress: ReadProgress): Promise<void> {
  switch (work.task.kind) {
    case 'plan':
      return planTask(context, work)
    case 'read':
      return readTask(context, work, progress)
    case 'count':
      return countTask(context, work)
    case 'close':
      return closeTask(context, work)
    default:
      throw new Error(`task kind ${work.task.kind} is unknown to this version of the extractor`)
  }
}

/** Gives a task back after an error: at once, later, or never again (the run fails) as the error says. */
async function handOver(context: ExtractorContext, task: LeasedTask, error: unknown, log: Logger): Promise<void> {
  if (error instanceof LeaseLost && error.code !== 'stopping') {
    log.info({ reason: error.message }, 'task given up')
    return
  }
  const retryInMs = error instanceof LeaseLost ? 0 : retryDelayMs(error, task.failures)
  log.warn({ err: error, retryInMs }, 'task failed')
  const { runId, kind, index, attempt } = task
  try {
    if (isPinLost(error)) await repinAfterLoss(context, task, log)
    await failTask(context.db, { runId, kind, index, attempt, error: describe(error), retryInMs })
  } catch (storeError) {
    // The lease runs out by itself; the task is then taken up by whoever comes next.
    log.warn({ err: storeError }, 'the failure could not be recorded')
  }
}

async function repinAfterLoss(context: ExtractorContext, task: LeasedTask, log: Logger): Promise<void> {
  const run = await runContext(context.db, task.runId)
  if (!run) return
  const stop = new AbortController()
  await repinRun(context, { task, run, log, signal: stop.signal })
}

function isPinLost(error: unknown): boolean {
  return (error as { code?: string }).code === 'pin_lost'
}

function describe(error: unknown): { code: string; message: string; hint: string } {
  const { code, message, hint } = error as { code?: string; message?: string; hint?: string }
  return { code: code ?? 'extractor_error', message: message ?? String(error), hint: hint ?? '' }
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
