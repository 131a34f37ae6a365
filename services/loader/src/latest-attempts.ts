import type { BatchHeader } from '@millrace/domain/wire/batch-header.ts'

const chunksMax = 10_000

/**
 * The highest attempt seen of each chunk of one partition. Attempts only grow, so batches of a lower one are counted by
 * nobody; they come late from an extractor that was paused, and may hold older versions of rows than what is loaded.
 */
export class LatestAttempts {
  readonly #latest = new Map<string, number>()

  /** Takes note of the batch; true when a higher attempt at its chunk came before. */
  isSuperseded({ runId, chunk, attempt }: BatchHeader): boolean {
    const key = `${runId}/${chunk}`
    const latest = this.#latest.get(key)
    if (latest !== undefined && attempt <= latest) return attempt < latest
    this.#latest.delete(key)
    this.#latest.set(key, attempt)
    if (this.#latest.size > chunksMax) this.#latest.delete(this.#latest.keys().next().value!)
    return false
  }
}
