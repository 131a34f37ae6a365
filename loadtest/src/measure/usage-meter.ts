import { cpuSeconds, peakResidentBytes, treeResidentBytes } from './process-usage.ts'

/** A named process that is measured, with its descendants unless it is the one that measures. */
export type Measured = { readonly name: string; readonly pid: number; readonly kind: 'service' | 'server' | 'self' }

export type Usage = {
  readonly seconds: number
  /** CPU seconds by name. */
  readonly cpu: Readonly<Record<string, number>>
}

const sampleMs = 500

/** Measures CPU time per interval, and the highest resident memory over all. */
export class UsageMeter {
  readonly #processes: () => readonly Measured[]
  readonly #peaks = new Map<string, number>()
  readonly #timer: NodeJS.Timeout

  constructor(processes: () => readonly Measured[]) {
    this.#processes = processes
    this.#timer = setInterval(() => this.#sample(), sampleMs)
    this.#timer.unref()
  }

  /** Begins an interval; the function it gives ends it. */
  begin(): () => Usage {
    const started = performance.now()
    const before = this.#cpu()
    return () => {
      const after = this.#cpu()
      const cpu: Record<string, number> = {}
      // A process that was started within the interval began with nothing.
      for (const [name, { pid, seconds }] of after) {
        const earlier = before.get(name)
        cpu[name] = seconds - (earlier?.pid === pid ? earlier.seconds : 0)
      }
      return { seconds: (performance.now() - started) / 1000, cpu }
    }
  }

  /** Highest resident memory by name, in bytes. */
  peaks(): Readonly<Record<string, number>> {
    this.#sample()
    return Object.fromEntries(this.#peaks)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #cpu(): Map<string, { pid: number; seconds: number }> {
    return new Map(
      this.#processes().map(({ name, pid, kind }) => [name, { pid, seconds: cpuSeconds(pid, kind !== 'self') }]),
    )
  }

  #sample(): void {
    for (const { name, pid, kind } of this.#processes()) {
      // The kernel keeps the peak of one process; of Postgres' many, the sum is looked at from time to time.
      const bytes = kind === 'server' ? treeResidentBytes(pid) : peakResidentBytes(pid)
      this.#peaks.set(name, Math.max(this.#peaks.get(name) ?? 0, bytes))
    }
  }
}
