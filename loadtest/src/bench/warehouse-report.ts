import { measurementJson } from './report.ts'
import type { MirrorMeasurement, WarehouseBench } from './warehouse-bench.ts'

/** The numbers for programs. */
export function warehouseJson(bench: WarehouseBench): object {
  const { warehouse, rows, machine, planSeconds, extractor, mirror, peaks } = bench
  return {
    warehouse,
    rows,
    machine: { cores: machine.cores, model: machine.model, memory_gb: Math.round(machine.memoryGb) },
    plan_seconds: round(planSeconds),
    extractor: measurementJson(extractor),
    ...(mirror === null ? {} : { mirror: { first: mirrorJson(mirror.first), second: mirrorJson(mirror.second) } }),
    peak_rss_mb: Object.fromEntries(Object.entries(peaks).map(([name, bytes]) => [name, megabytes(bytes)])),
  }
}

/** The same for people. */
export function warehouseText(bench: WarehouseBench): string {
  const { warehouse, rows, machine, planSeconds, extractor, mirror, peaks } = bench
  const cpuOf = Object.entries(extractor.cpuPerMillionOf).filter(([, seconds]) => seconds >= 0.05)
  return [
    `${rows.toLocaleString('en')} rows of 10 columns from a stand-in for ${warehouse}, on ${machine.cores} cores (${machine.model}, ${Math.round(machine.memoryGb)} GB), the stand-in on them too`,
    '',
    `the warehouse sets the rows aside: ${planSeconds.toFixed(1)} s`,
    `extractor alone, reading: ${Math.round(extractor.recordsPerSecond).toLocaleString('en')} rows/s; CPU s per million: ${cpuOf.map(([name, seconds]) => `${name} ${seconds.toFixed(1)}`).join(', ')}`,
    ...(mirror === null
      ? []
      : [
          `mirror, first run: ${mirrorText(mirror.first)}`,
          `mirror, 1.2 % of the rows changed: ${mirrorText(mirror.second)}`,
        ]),
    `peak resident memory, MB: ${Object.entries(peaks)
      .map(([name, bytes]) => `${name} ${megabytes(bytes)}`)
      .join(', ')}`,
  ].join('\n')
}

function mirrorText({ seconds, changes, report }: MirrorMeasurement): string {
  return `${seconds.toFixed(1)} s, ${Math.round(changes / seconds).toLocaleString('en')} changes/s; ${report}`
}

function mirrorJson({ seconds, changes, report }: MirrorMeasurement) {
  return { seconds: round(seconds), changes, report }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_048_576)
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
