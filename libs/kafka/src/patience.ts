import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@millrace/telemetry/logger.ts'

export type PatienceOptions = {
  /** Ends the waiting: the promise then rejects with the last error. */
  readonly signal: AbortSignal
  readonly log: Logger
  /** Is the error one that passes? Others are thrown on at once. */
  passes(error: unknown): boolean
  /** Called while waiting, at least every two seconds: shows a watchdog that this is on purpose. */
  alive(): void
}

const waitMs = { first: 100, max: 2000 }

/** Repeats `work` until it succeeds: for a registry or store that is away, where giving up would lose nothing but time. */
export async function withPatience<T>(what: string, work: () => Promise<T>, options: PatienceOptions): Promise<T> {
  const { signal, log, passes, alive } = options
  for (let attempt = 0; ; attempt++) {
    try {
      return await work()
    } catch (err) {
      if (!passes(err) || signal.aborted) throw err
      if (attempt % 15 === 0) log.warn({ err, attempt }, `waiting for ${what}`)
      alive()
      await sleep(Math.min(waitMs.max, waitMs.first * 2 ** attempt), undefined, { signal }).catch(() => undefined)
    }
  }
}
