import type { BatchHeader } from '@millrace/domain/wire/batch-header.ts'
import type { CountedSeq } from '@millrace/store/progress/open-partition.ts'

/**
 * Which batches were counted before the partition was opened: they need not be sent again. What is counted is for the
 * store to decide; this only saves requests.
 */
export class CountedSeqs {
  readonly #next = new Map<string, number>()
  readonly #runs = new Set<string>()

  constructor(counted: readonly CountedSeq[]) {
    for (const { runId, chunk, attempt, nextSeq } of counted) {
      this.#next.set(`${runId}/${chunk}/${attempt}`, nextSeq)
      this.#runs.add(runId)
    }
  }

  /** Was anything of the run counted here? */
  hasRun(runId: string): boolean {
    return this.#runs.has(runId)
  }

  isCounted({ runId, chunk, attempt, seq }: BatchHeader): boolean {
    if (this.#next.size === 0) return false
    const next = this.#next.get(`${runId}/${chunk}/${attempt}`)
    return next !== undefined && seq < next
  }
}
