import type { Metrics } from '@millrace/telemetry/metrics.ts'

export type SchedulerMetrics = {
  setOpen(open: ReadonlyMap<string, number>): void
  ended(state: string): void
  started(runs: number): void
}

/** What the scheduler counts; `leads` is read when metrics are collected. */
export function schedulerMetrics({ meter }: Metrics, leads: () => boolean): SchedulerMetrics {
  const ended = meter.createCounter('millrace.runs.ended', { description: 'Runs ended, by state' })
  const started = meter.createCounter('millrace.runs.scheduled', { description: 'Runs started by a schedule' })
  const open = meter.createObservableGauge('millrace.runs.open', {
    description: 'Runs that are not finished, by state',
  })
  const leading = meter.createObservableGauge('millrace.scheduler.leading', {
    description: 'Whether this scheduler leads',
  })
  let last: ReadonlyMap<string, number> = new Map()
  open.addCallback((result) => {
    for (const [state, runs] of last) result.observe(runs, { state })
  })
  leading.addCallback((result) => result.observe(leads() ? 1 : 0))
  return {
    setOpen(now) {
      // A state without runs is 0, not the last number that was seen.
      last = new Map([...[...last.keys()].map((state) => [state, 0] as const), ...now])
    },
    ended: (state) => ended.add(1, { state }),
    started: (runs) => started.add(runs),
  }
}
