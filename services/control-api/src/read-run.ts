import { runCounts } from '@millrace/store/progress/run-counts.ts'
import { countIdenticalRejects } from '@millrace/store/rejects/count-identical-rejects.ts'
import { countRepeatedRejects } from '@millrace/store/rejects/count-repeated-rejects.ts'
import { getRun, type Run } from '@millrace/store/runs/get-run.ts'
import type { ApiContext } from './api-context.ts'
import { notFound } from './http/api-problem.ts'
import { type RunAnswer, type RunFigures, toRunAnswer } from './run-answer.ts'

/** A run of a project with its counters as they are now, from Postgres. Throws a 404. */
export async function readRun(
  context: ApiContext,
  place: { readonly projectId: string; readonly runId: string },
): Promise<RunAnswer> {
  const run = await getRun(context.db, place)
  if (run === null) throw notFound('run')
  return toRunAnswer(run, await figuresOf(context, run), context.now())
}

export async function figuresOf({ db }: ApiContext, run: Run): Promise<RunFigures> {
  const counts = await runCounts(db, run.id)
  const totals: Readonly<Record<string, number>> = counts?.totals ?? {}
  const mayOverlap = run.state === 'succeeded' && (run.identicalRows ?? 0) > 0 && (totals.rejected ?? 0) > 0
  const mayRepeat = run.state === 'succeeded' && (run.rowsReadAgain ?? 0) > 0 && (totals.rejected ?? 0) > 0
  return {
    rowsRead: counts?.rowsRead ?? 0,
    totals,
    identicalRejects: mayOverlap ? await countIdenticalRejects(db, run.id) : 0,
    repeatedRejects: mayRepeat ? await countRepeatedRejects(db, run.id) : 0,
  }
}
