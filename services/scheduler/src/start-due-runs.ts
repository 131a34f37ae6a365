import type { Queries } from '@millrace/store/open-store.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { StoreError } from '@millrace/store/store-error.ts'
import { type DueSync, dueSyncs } from '@millrace/store/syncs/due-syncs.ts'
import { setNextDue } from '@millrace/store/syncs/set-next-due.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import { nextDue } from './next-due.ts'

const syncsMax = 100

/**
 * Makes the runs that are due at `now` and gives how many there were. However many due times a sync has missed, it gets
 * one run. Exactly once: the run's key is the time at which it was due, and that is replaced only after the run exists.
 */
export async function startDueRuns(db: Queries, now: Date, log: Logger): Promise<number> {
  let started = 0
  for (const sync of await dueSyncs(db, { now, syncsMax })) {
    if (sync.dueAt && (await startRun(db, sync, sync.dueAt, log))) started += 1
    const next = nextDue(sync.schedule, now)
    if (next) await setNextDue(db, { syncId: sync.syncId, expected: sync.dueAt, next })
  }
  return started
}

async function startRun(db: Queries, { syncId }: DueSync, dueAt: Date, log: Logger): Promise<boolean> {
  try {
    const { runId, created } = await createRun(db, {
      syncId,
      trigger: 'schedule',
      idempotencyKey: `schedule:${dueAt.toISOString()}`,
    })
    await failpoint('scheduler.afterRunMade')
    if (created) log.info({ sync: syncId, run: runId, dueAt }, 'run started by schedule')
    return created
  } catch (error) {
    // Somebody has started, paused or deleted it between the two statements.
    if (!(error instanceof StoreError) || !overtaken.has(error.code)) throw error
    log.info({ sync: syncId, reason: error.code }, 'run not started')
    return false
  }
}

const overtaken: ReadonlySet<string> = new Set(['run_open_exists', 'sync_not_active', 'not_found'])
