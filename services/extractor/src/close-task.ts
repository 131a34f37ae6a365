import { completeClose } from '@millrace/store/tasks/complete-close.ts'
import { partitionManifest } from '@millrace/store/tasks/manifest.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { ExtractorContext, TaskAtWork } from './extractor-context.ts'
import { writeMarkers } from './markers.ts'

/** Ends a run's reading: `run_end` with the manifest to every partition, after every batch that it counts. */
export async function closeTask(context: ExtractorContext, { task, run, log }: TaskAtWork): Promise<void> {
  const manifest = await partitionManifest(context.db, run.runId)
  await failpoint('extractor.beforeRunEnd')
  await writeMarkers(context, run, 'run_end', task.attempt, manifest)
  await failpoint('extractor.afterRunEnd')
  await completeClose(context.db, { runId: run.runId, attempt: task.attempt })
  await context.pins.release(run.runId)
  log.info('run read to its end')
}
