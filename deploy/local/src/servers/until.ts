import { setTimeout as sleep } from 'node:timers/promises'

export type UntilOptions = {
  /** Default 60 000: tests run on busy machines too, and what comes is not waited for any longer. */
  readonly timeoutMs?: number
  /** Pause between two looks; default 50. */
  readonly everyMs?: number
  /** What is waited for, for the error; default "the condition". */
  readonly what?: string
  readonly signal?: AbortSignal
}

/** What was waited for did not come in time. `cause` is what the condition threw last, if it threw. */
export class NotInTimeError extends Error {
  readonly code = 'NOT_IN_TIME'
  readonly hint = 'Look at the log of the process that should have brought it about.'

  constructor(what: string, timeoutMs: number, cause: unknown) {
    super(`${what} did not come within ${timeoutMs} ms${cause instanceof Error ? `: ${cause.message}` : ''}`, { cause })
    this.name = 'NotInTimeError'
  }
}

/**
 * Waits until `condition` gives something truthy, and gives that. A condition that throws has not come true yet; its last error is the
 * cause of the `NotInTimeError`.
 */
export async function until<T>(condition: () => T | Promise<T>, options: UntilOptions = {}): Promise<NonNullable<T>> {
  const { timeoutMs = 60_000, everyMs = 50, what = 'the condition', signal } = options
  const deadline = performance.now() + timeoutMs
  for (;;) {
    let failure: unknown
    try {
      const value = await condition()
      if (value) return value
    } catch (error) {
      failure = error
    }
    if (performance.now() >= deadline) throw new NotInTimeError(what, timeoutMs, failure)
    await sleep(everyMs, undefined, { signal })
  }
}
