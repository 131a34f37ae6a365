import type { ParkingChange } from '@millrace/store/progress/batch-count.ts'
import type { OpenedPartition } from '@millrace/store/progress/open-partition.ts'
import type { ProgressStep } from '@millrace/store/progress/record-progress.ts'
import { isUnavailable } from '@millrace/store/store-error.ts'
import type { LedgerStep } from './ledger.ts'

export type PartitionStore = {
  open(): Promise<OpenedPartition>
  record(step: Omit<ProgressStep, 'topic' | 'partition'>): Promise<boolean>
}

export type RecorderParts = {
  readonly store: PartitionStore
  /** Where the partition stood when it was opened. */
  readonly offset: bigint | null
  /** Repeats while the store is away; rejects when the partition is given up. */
  patiently<T>(work: () => Promise<T>): Promise<T>
}

/** Another owner moved the partition on: whatever is in memory here is worth nothing. */
export class PartitionLostError extends Error {
  constructor() {
    super('Another owner has moved the partition on.')
    this.name = 'PartitionLostError'
  }
}

/**
 * Records the steps of one partition one after the other. A step whose answer was lost is done again; when it is then
 * refused, the store is asked whether it had been done after all.
 */
export class ProgressRecorder {
  readonly #parts: RecorderParts
  #offset: bigint | null
  #tail: Promise<unknown> = Promise.resolve()

  constructor(parts: RecorderParts) {
    this.#parts = parts
    this.#offset = parts.offset
  }

  /** Rejects with PartitionLostError when the partition belongs to another owner. */
  record(step: LedgerStep): Promise<void> {
    const done = this.#tail.then(() => this.#record(step, []))
    this.#tail = done.catch(() => undefined)
    return done
  }

  /** Records changes of parking where the partition stands; at `start` when nothing of it was recorded before. */
  recordParking(start: bigint, parked: readonly ParkingChange[]): Promise<void> {
    const done = this.#tail.then(() => {
      const nextOffset = this.#offset ?? start
      return this.#record({ nextOffset, counts: [], rejects: [], ends: [], bytes: 0 }, parked)
    })
    this.#tail = done.catch(() => undefined)
    return done
  }

  async #record({ nextOffset, counts, rejects, ends }: LedgerStep, parked: readonly ParkingChange[]): Promise<void> {
    const { store, patiently } = this.#parts
    const step = { expectedOffset: this.#offset, nextOffset, counts, rejects, ends, parked }
    let isCertain = true
    const moved = await patiently(async () => {
      try {
        return await store.record(step)
      } catch (error) {
        if (isUnavailable(error)) isCertain = false
        throw error
      }
    })
    if (!moved) {
      const found = isCertain ? null : (await patiently(() => store.open())).nextOffset
      if (found !== nextOffset) throw new PartitionLostError()
    }
    this.#offset = nextOffset
  }
}
