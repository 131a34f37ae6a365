import type { BatchHeader, Marker, Reject } from '@millrace/domain/wire/batch-header.ts'
import type { UpdateCursor } from '@millrace/domain/wire/update-batch.ts'
import type { TableType } from '@millrace/domain/words.ts'

export type LoaderReject = Reject & { readonly stage: 'transformer' | 'loader' }

/** What one update batch adds to the counters of its run. */
export type EntryCounts = {
  readonly header: BatchHeader
  readonly tableType: TableType
  /** Updates by operation. */
  inserts: number
  updates: number
  deletes: number
  readonly filtered: number
  readonly rejects: LoaderReject[]
  /** Refused by the destination, by operation; these count as rejected instead. */
  readonly refused: { inserts: number; updates: number; deletes: number }
  /** Records sent, repetitions included. */
  sent: number
}

/** One Kafka message from being taken to being recorded as done. */
export class Entry {
  readonly offset: bigint
  /** The message as it came, for parking. */
  readonly value: Buffer
  /** null for messages that belong to no project any more. */
  readonly projectId: string | null
  readonly counts: EntryCounts | null
  readonly end: Marker | null
  /** Records that have no definite answer yet. */
  pending = 0
  #state: 'taken' | 'done' | 'parking' | 'elsewhere' = 'taken'

  constructor(
    offset: bigint,
    value: Buffer,
    projectId: string | null,
    counts: EntryCounts | null = null,
    end: Marker | null = null,
  ) {
    this.offset = offset
    this.value = value
    this.projectId = projectId
    this.counts = counts
    this.end = end
  }

  /** Everything in it has a definite answer, or it was handed to someone else who counts it. */
  get isFinished(): boolean {
    return this.#state === 'done' || this.#state === 'elsewhere'
  }

  /** Is it for this partition's counters? */
  get isCounted(): boolean {
    return this.#state === 'done'
  }

  get isParking(): boolean {
    return this.#state === 'parking'
  }

  /** All its records are handed over to batches: it is done as soon as none is pending. */
  close(): void {
    if (this.#state === 'taken' && this.pending === 0) this.#state = 'done'
  }

  /** `count` of its records have a definite answer. */
  settle(count: number): void {
    this.pending -= count
    this.close()
  }

  /** Its records will be sent by someone else: late answers mean nothing any more. */
  park(): void {
    this.#state = 'parking'
  }

  /** Someone else has it and will count it. */
  handOver(): void {
    this.#state = 'elsewhere'
  }
}

/** Counters of a batch before its updates are looked at. */
export function countsOf(cursor: UpdateCursor): EntryCounts {
  return {
    header: cursor.header,
    tableType: cursor.tableType,
    inserts: 0,
    updates: 0,
    deletes: 0,
    filtered: cursor.filtered,
    rejects: cursor.rejects.map((reject) => ({ ...reject, stage: 'transformer' as const })),
    refused: { inserts: 0, updates: 0, deletes: 0 },
    sent: 0,
  }
}
