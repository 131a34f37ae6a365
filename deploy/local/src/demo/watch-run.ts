import type { PipelineClient, PipelineProject } from '../pipeline-client.ts'
import type { RunAnswer } from '../run-answer.ts'
import { countText, secondsText } from './number-text.ts'
import type { ProgressLine } from './progress-line.ts'

export type WatchedRun = { readonly run: RunAnswer; readonly seconds: number }

const HALF_HOUR_MS = 30 * 60_000

/** Starts a run and shows how far it is until it has succeeded. Rejects with `RunEndedError` when it did not. */
export async function watchRun(
  pipeline: PipelineClient,
  project: PipelineProject,
  { syncId, title, line }: { readonly syncId: string; readonly title: string; readonly line: ProgressLine },
): Promise<WatchedRun> {
  const begun = performance.now()
  const { id } = await pipeline.startRun(project, syncId)
  const run = await pipeline.succeeded(project, id, {
    everyMs: 250,
    timeoutMs: HALF_HOUR_MS,
    onLook: (state) => line.update(`  ${title}: ${progressText(state, (performance.now() - begun) / 1000)}`),
  })
  const seconds = (performance.now() - begun) / 1000
  line.end(`  ${title}: ${run.report}  [${secondsText(seconds)}, ${countText(run.counts.read / seconds)} rows/s]`)
  return { run, seconds }
}

/** `reading, 1,200,000 of 3,000,000 rows read, 900,000 loaded, 61,000 rows/s, 0:34 left` */
export function progressText({ state, progress }: RunAnswer, seconds: number): string {
  const { rowsPlanned, rowsRead, rowsLoaded } = progress
  const rate = progress.rate ?? rowsLoaded / Math.max(seconds, 0.001)
  const planned = rowsPlanned ? ` of ${countText(rowsPlanned)}` : ''
  const left = progress.secondsLeft == null ? '' : `, ${secondsText(progress.secondsLeft)} left`
  const read = `${countText(rowsRead)}${planned} rows read`
  return `${state}, ${read}, ${countText(rowsLoaded)} loaded, ${countText(rate)} rows/s${left}`
}
