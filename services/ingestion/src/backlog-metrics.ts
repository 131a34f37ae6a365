import type { Metrics } from '@millrace/telemetry/metrics.ts'
import type { Projects } from './projects/projects.ts'

/** Measures what is in logs and not in DuckDB yet, over all projects: sealed segments. */
export function observeBacklog(meter: Metrics['meter'], projects: Projects): void {
  meter
    .createObservableGauge('millrace.ingestion.backlog_segments', {
      description: 'Sealed segments that wait to be moved into DuckDB',
    })
    .addCallback((result) => {
      let segments = 0
      for (const project of projects.all) segments += project.log.sealed.length
      result.observe(segments)
    })
}
