import type { RunAnswer } from '@millrace/local-stack/run-answer.ts'
import { type BenchSetting, createBenchSync } from './bench-setting.ts'
import { type Measurement, measurementOf } from './measurement.ts'

/** Throws unless the run has loaded every row as an event, exactly once. */
export function assertExact(run: RunAnswer, rows: number): void {
  const { read, events, rejected, missing } = run.counts
  if (read !== rows || events !== rows || rejected !== 0 || missing !== 0) {
    throw new Error(`The counts do not match ${rows} rows: ${run.report}`)
  }
}

/** The whole chain, from the call that starts the run until the API says that it has succeeded. */
export async function measureEndToEnd(setting: BenchSetting): Promise<Measurement> {
  const { client, meter, rows, cores, say } = setting
  const { project, syncId } = await createBenchSync(setting, 'end to end')
  const end = meter.begin()
  const run = await client.startRun(project, syncId)
  let shown = performance.now()
  const done = await client.succeeded(project, run.id, {
    everyMs: 200,
    onLook({ progress }) {
      if (performance.now() - shown < 2000) return
      shown = performance.now()
      say(`  read ${progress.rowsRead}, loaded ${progress.rowsLoaded} of ${rows}`)
    },
  })
  const usage = end()
  assertExact(done, rows)
  return measurementOf(rows, usage, cores)
}
