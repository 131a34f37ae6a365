import { setTimeout as sleep } from 'node:timers/promises'
import type { Usage, UsageMeter } from '../measure/usage-meter.ts'

export type DrainOptions = {
  readonly what: string
  /** How much is done, in any unit that grows. */
  look(): Promise<number>
  /** `look` has reached this when all is done. */
  readonly goal: number
  readonly meter: UsageMeter
  readonly timeoutMs?: number
}

const everyMs = 100

/**
 * Measures from the first sight of progress until the goal, so that the start of a process is not in it. Gives the share
 * of the goal (from where it stood at the first call) that was done within the measured time.
 */
export async function measureDrain(options: DrainOptions): Promise<{ readonly share: number; readonly usage: Usage }> {
  const { what, look, goal, meter, timeoutMs = 600_000 } = options
  const deadline = performance.now() + timeoutMs
  const start = await look()
  let done = start
  const next = async () => {
    if (performance.now() > deadline) throw new Error(`${what} stands at ${done} of ${goal} after ${timeoutMs} ms`)
    await sleep(everyMs)
    done = await look()
  }
  while (done <= start) await next()
  const end = meter.begin()
  const first = done
  while (done < goal) await next()
  return { share: (goal - first) / (goal - start), usage: end() }
}
