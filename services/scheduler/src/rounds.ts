import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@millrace/telemetry/logger.ts'

/**
 * Does `round` again and again while `leads` holds, until `stop`. A round gives the ms to wait before the next one; one
 * that fails is logged and comes again after `failedMs`, so that a store that is away ends nothing.
 */
export async function repeatRounds(
  { what, leads, stop, log }: { what: string; leads: () => boolean; stop: AbortSignal; log: Logger },
  round: () => Promise<number>,
): Promise<void> {
  while (!stop.aborted) {
    let waitMs = idleMs
    if (leads()) {
      try {
        waitMs = await round()
      } catch (err) {
        log.warn({ err }, `${what}: trying again`)
        waitMs = failedMs
      }
    }
    await sleep(waitMs, undefined, { signal: stop }).catch(() => undefined)
  }
}

const idleMs = 200
const failedMs = 1000
