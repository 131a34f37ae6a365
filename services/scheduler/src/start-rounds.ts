import { pruneRuns } from '@millrace/store/completion/prune-runs.ts'
import type { Queries } from '@millrace/store/open-store.ts'
import { pruneOutbox } from '@millrace/store/outbox/prune-outbox.ts'
import { workOutbox } from '@millrace/store/outbox/work-outbox.ts'
import { pruneSources } from '@millrace/store/sources/prune-sources.ts'
import { markLoaded } from '@millrace/store/tasks/mark-loaded.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { SchedulerConfig } from './config.ts'
import { effectOf } from './outbox-effects.ts'
import { repeatRounds } from './rounds.ts'
import type { SchedulerMetrics } from './scheduler-metrics.ts'
import { startDueRuns } from './start-due-runs.ts'
import { watchRuns } from './watch-runs.ts'

export type RoundsParts = {
  readonly db: Queries
  readonly config: SchedulerConfig
  readonly leads: () => boolean
  readonly stop: AbortSignal
  readonly log: Logger
  readonly metrics: SchedulerMetrics
  readonly now: () => Date
}

/** People and tests wait for small runs to end, so a run that drains is looked at more often. */
const watchMs = { draining: 100, open: 250, idle: 500 }
const outboxMs = 500
const loadedMs = 1000
const dueMs = 1000
const pruneMs = 600_000
const doneOutboxMs = 7 * 24 * 3_600_000
/** What a deleted source has left in its warehouse is tried to be removed for this long. */
const cleanDeletedMs = 30 * 24 * 3_600_000
const batchMax = 200

/** Does the scheduler's kinds of work, each at its own pace. Resolves after `stop`, when none is at work any more. */
export async function startRounds(parts: RoundsParts): Promise<void> {
  const { db, config, log, metrics, now } = parts
  const repeat = (what: string, round: () => Promise<number>) => repeatRounds({ ...parts, what }, round)
  await Promise.all([
    repeat('watching runs', async () => {
      const { open, ended } = await watchRuns(db, config, log)
      metrics.setOpen(open)
      for (const state of ended) metrics.ended(state)
      return open.has('draining') ? watchMs.draining : open.size > 0 ? watchMs.open : watchMs.idle
    }),
    repeat('starting due runs', async () => {
      metrics.started(await startDueRuns(db, now(), log))
      return dueMs
    }),
    repeat('marking chunks that are loaded', async () => {
      await markLoaded(db)
      return loadedMs
    }),
    repeat('working off the outbox', async () => {
      await workOutbox(db, batchMax, (tx, entry) => effectOf(tx, entry, log))
      return outboxMs
    }),
    repeat('pruning', async () => {
      const at = now().getTime()
      const runs = await pruneRuns(db, {
        detailsBefore: new Date(at - config.keepDetailsMs),
        rejectsBefore: new Date(at - config.keepRejectsMs),
        runsMax: batchMax,
      })
      await pruneOutbox(db, { doneBefore: new Date(at - doneOutboxMs) })
      const { givenUp } = await pruneSources(db, { giveUpBefore: new Date(at - cleanDeletedMs) })
      for (const runId of givenUp)
        log.error({ runId }, 'what a run of a deleted source has left in its warehouse is given up')
      return runs === batchMax ? 0 : pruneMs
    }),
  ])
}
