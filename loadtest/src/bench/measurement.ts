import type { Usage } from '../measure/usage-meter.ts'

/** What one stage, or the whole chain, did with some records. CPU in seconds per million records. */
export type Measurement = {
  readonly records: number
  readonly seconds: number
  readonly recordsPerSecond: number
  /** All processes of the stack and this benchmark's own. */
  readonly cpuPerMillion: number
  readonly cpuPerMillionOf: Readonly<Record<string, number>>
  /** CPU used of what the machine's cores had to give, 0 to 1. */
  readonly machineShare: number
}

export function measurementOf(records: number, { seconds, cpu }: Usage, cores: number): Measurement {
  const millions = records / 1_000_000
  const total = Object.values(cpu).reduce((sum, used) => sum + used, 0)
  return {
    records,
    seconds,
    recordsPerSecond: records / seconds,
    cpuPerMillion: total / millions,
    cpuPerMillionOf: Object.fromEntries(Object.entries(cpu).map(([name, used]) => [name, used / millions])),
    machineShare: total / (seconds * cores),
  }
}
