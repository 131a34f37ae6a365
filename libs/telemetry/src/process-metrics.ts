import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Meter } from '@opentelemetry/api'

/**
 * Measures the process itself: how late its event loop runs (99th percentile since the last collection, seconds), its
 * memory (bytes) and the CPU time it has used (seconds). Returns a function that ends the measuring.
 */
export function measureProcess(meter: Meter): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  meter
    .createObservableGauge('millrace.event_loop.delay_seconds', {
      description: 'How late timers ran, 99th percentile since the last collection',
    })
    .addCallback((result) => {
      // The histogram counts the whole interval between ticks, so an idle loop shows its resolution.
      result.observe(Math.max(0, delay.percentile(99) / 1e9 - 0.02))
      delay.reset()
    })
  meter
    .createObservableGauge('millrace.process.resident_memory_bytes', { description: 'Resident memory' })
    .addCallback((result) => result.observe(process.memoryUsage.rss()))
  meter
    .createObservableCounter('millrace.process.cpu_seconds', { description: 'CPU time used, user and system' })
    .addCallback((result) => {
      const { user, system } = process.cpuUsage()
      result.observe((user + system) / 1e6)
    })
  return () => delay.disable()
}
