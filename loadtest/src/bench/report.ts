import type { Measurement } from './measurement.ts'

export type BenchReport = {
  readonly rows: number
  /** Rows synced before, unmeasured. */
  readonly warmUp: number
  /** Mean size of an event as the import API takes it from the naive script, bytes. */
  readonly eventBytes: number
  readonly machine: { readonly cores: number; readonly model: string; readonly memoryGb: number }
  readonly endToEnd: Measurement
  readonly stages: Readonly<Record<string, Measurement>>
  readonly naive: Measurement
  /** Highest resident memory, bytes. */
  readonly peaks: Readonly<Record<string, number>>
  /** Bytes per record at some places of the chain. */
  readonly bytesPerRecord: Readonly<Record<string, number>>
}

const pipeline = ['extractor', 'transformer', 'loader']

/** CPU seconds per million of the services that carry records from Kafka's one side to the other. */
export function servicesCpu({ cpuPerMillionOf }: Measurement): number {
  return pipeline.reduce((sum, name) => sum + (cpuPerMillionOf[name] ?? 0), 0)
}

/** The numbers for programs; names and units as in the README. */
export function reportJson(report: BenchReport): object {
  const { endToEnd, naive, stages, peaks, bytesPerRecord, machine, rows, warmUp, eventBytes } = report
  return {
    rows,
    warm_up_rows: warmUp,
    event_bytes: round(eventBytes),
    machine: { cores: machine.cores, model: machine.model, memory_gb: round(machine.memoryGb) },
    end_to_end: { ...measurementJson(endToEnd), services_cpu_s_per_million: round(servicesCpu(endToEnd)) },
    stages: Object.fromEntries(Object.entries(stages).map(([name, stage]) => [name, measurementJson(stage)])),
    naive: measurementJson(naive),
    ratio_to_naive: {
      records_per_s: round(endToEnd.recordsPerSecond / naive.recordsPerSecond),
      cpu: round(endToEnd.cpuPerMillion / naive.cpuPerMillion),
    },
    peak_rss_mb: mapValues(peaks, (bytes) => Math.round(bytes / 1_048_576)),
    bytes_per_record: mapValues(bytesPerRecord, round),
  }
}

export function measurementJson(one: Measurement) {
  return {
    records: Math.round(one.records),
    seconds: round(one.seconds),
    records_per_s: Math.round(one.recordsPerSecond),
    cpu_s_per_million: round(one.cpuPerMillion),
    cpu_s_per_million_of: mapValues(one.cpuPerMillionOf, round),
    machine_share: round(one.machineShare),
  }
}

/** The same for people: a Markdown table, as it stands in the README. */
export function reportText(report: BenchReport): string {
  const { endToEnd, naive, stages, peaks, bytesPerRecord, machine, rows, warmUp, eventBytes } = report
  const lines: [string, Measurement][] = [
    ['**end to end**', endToEnd],
    ...Object.entries(stages).map(([name, stage]): [string, Measurement] => [`${name} alone`, stage]),
    ['naive script', naive],
  ]
  const names = [...new Set(lines.flatMap(([, { cpuPerMillionOf }]) => Object.keys(cpuPerMillionOf)))]
  const shown = names.filter((name) => lines.some(([, { cpuPerMillionOf }]) => (cpuPerMillionOf[name] ?? 0) >= 0.05))
  const head = ['', 'records/s', 'CPU s per million', ...shown, 'machine used']
  const body = lines.map(([title, one]) => [
    title,
    Math.round(one.recordsPerSecond).toLocaleString('en'),
    one.cpuPerMillion.toFixed(1),
    ...shown.map((name) => ((one.cpuPerMillionOf[name] ?? 0) >= 0.05 ? one.cpuPerMillionOf[name]!.toFixed(1) : '')),
    `${Math.round(one.machineShare * 100)} %`,
  ])
  const list = (values: Readonly<Record<string, number>>, format: (value: number) => string) =>
    Object.entries(values)
      .map(([name, value]) => `${name} ${format(value)}`)
      .join(', ')
  return [
    `${rows.toLocaleString('en')} records of ${Math.round(eventBytes)} B as event JSON, 10 columns, on ${machine.cores} cores (${machine.model}, ${Math.round(machine.memoryGb)} GB), everything on them, ${warmUp.toLocaleString('en')} records before that to warm up`,
    '',
    table(head, body),
    '',
    `extractor + transformer + loader: ${servicesCpu(endToEnd).toFixed(1)} CPU s per million end to end`,
    `against the naive script: ${(endToEnd.recordsPerSecond / naive.recordsPerSecond).toFixed(2)} of its rate, ${(endToEnd.cpuPerMillion / naive.cpuPerMillion).toFixed(2)} times its CPU`,
    `bytes per record: ${list(bytesPerRecord, (bytes) => bytes.toFixed(0))}`,
    `peak resident memory, MB: ${list(peaks, (bytes) => String(Math.round(bytes / 1_048_576)))}`,
  ].join('\n')
}

function table(head: readonly string[], body: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) => Math.max(title.length, 3, ...body.map((cells) => cells[at]!.length)))
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join(' | ')} |`
  const rule = `|${widths.map((width, at) => (at === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`
  return [row(head), rule, ...body.map(row)].join('\n')
}

function mapValues(
  values: Readonly<Record<string, number>>,
  change: (value: number) => number,
): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]))
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
