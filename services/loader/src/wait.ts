import { setTimeout as sleep } from 'node:timers/promises'

const pieceMs = 2000

/** Waits in pieces and calls `alive` before each; ends early, without an error, when the signal is aborted. */
export async function waitAlive(ms: number, signal: AbortSignal, alive: () => void): Promise<void> {
  for (let left = ms; left > 0 && !signal.aborted; left -= pieceMs) {
    alive()
    await sleep(Math.min(left, pieceMs), undefined, { signal }).catch(() => undefined)
  }
}
