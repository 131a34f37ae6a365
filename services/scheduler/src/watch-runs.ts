import { type OpenRun, openRuns } from '@millrace/store/completion/open-runs.ts'
import type { Queries } from '@millrace/store/open-store.ts'
import { partitionCounts } from '@millrace/store/progress/run-counts.ts'
import { transitionRun } from '@millrace/store/runs/transition.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import { completeRun, failForLoss } from './complete-run.ts'
import { judgeRun, type Verdict } from './judge-run.ts'

export type Watched = {
  /** Runs that are still open, by state. */
  readonly open: ReadonlyMap<string, number>
  /** Runs that ended in this pass. */
  readonly ended: readonly ('succeeded' | 'failed' | 'cancelled')[]
}

/** Looks at every open run once and ends those that are at their end. Safe to repeat, and for two at once. */
export async function watchRuns(db: Queries, limits: { readonly stuckMs: number }, log: Logger): Promise<Watched> {
  const open = new Map<string, number>()
  const ended: ('succeeded' | 'failed' | 'cancelled')[] = []
  for (const run of await openRuns(db)) {
    const end = await carryOut(db, run, judgeRun(run, limits))
    if (end === null) {
      open.set(run.state, (open.get(run.state) ?? 0) + 1)
      continue
    }
    ended.push(end)
    const { runId, syncId, projectId } = run
    log[end === 'failed' ? 'error' : 'info']({ run: runId, sync: syncId, project: projectId }, `run ${end}`)
  }
  return { open, ended }
}

async function carryOut(
  db: Queries,
  run: OpenRun,
  verdict: Verdict,
): Promise<'succeeded' | 'failed' | 'cancelled' | null> {
  const { runId } = run
  switch (verdict.kind) {
    case 'wait':
      return null
    case 'count':
      return completeRun(db, runId)
    case 'cancelled':
      return (await transitionRun(db, { runId, from: ['cancelling'], to: 'cancelled' })) ? 'cancelled' : null
    case 'failed':
      return (await fail(db, run, verdict.code)) ? 'failed' : null
  }
}

async function fail(
  db: Queries,
  { runId, state, quietMs }: OpenRun,
  code: 'records_lost' | 'run_stuck',
): Promise<boolean> {
  if (code === 'records_lost') return failForLoss(db, runId, await partitionCounts(db, runId))
  return transitionRun(db, {
    runId,
    from: [state],
    to: 'failed',
    error: {
      code,
      message: `Nothing of the run has moved for ${Math.round(quietMs / 60_000)} minutes; it was ${state}.`,
      hint:
        state === 'draining'
          ? 'See whether transformers and loaders run and keep up, then start the sync again.'
          : "See whether an extractor for the source's warehouse runs, then start the sync again.",
    },
  })
}
