import type { BatchedType } from '@millrace/destinations/destination.ts'
import { RecordBatch, type RunVersion } from '@millrace/destinations/record-batch.ts'
import { opIndex, updateOpAt } from '@millrace/domain/wire/ops.ts'
import type { UpdateCursor } from '@millrace/domain/wire/update-batch.ts'
import type { UpdateOp } from '@millrace/domain/words.ts'
import type { Entry } from './entry.ts'

const rowIdBytes = 32
const messageLengthMax = 500

/** Records of one project and table type that make one request, with what is needed to answer for each of them. */
export class LoadBatch {
  readonly projectId: string
  readonly tableType: BatchedType
  readonly records: RecordBatch
  readonly openedMs: number
  /** Entry n gave the buffer n of `records`. */
  readonly entries: Entry[] = []
  readonly cancelled = new AbortController()
  /** Short names of its rows; only kept where order matters. */
  readonly rows = new Map<number, number>()
  /** What must have happened before this one is sent: definite answers to other batches, or a removal. */
  after: Promise<unknown>[] = []
  readonly settled: Promise<void>
  readonly #settle: () => void
  readonly #rowIdStarts: Int32Array
  readonly #repetitions: { of: number; source: number; start: number; ordinal: number }[] = []

  constructor(
    projectId: string,
    tableType: BatchedType,
    recordsMax: number,
    openedMs: number,
    version: RunVersion | null = null,
  ) {
    this.projectId = projectId
    this.tableType = tableType
    this.records = new RecordBatch(recordsMax, version)
    this.openedMs = openedMs
    this.#rowIdStarts = new Int32Array(recordsMax)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.settled = promise
    this.#settle = resolve
  }

  get length(): number {
    return this.records.length
  }

  /** Records of this entry follow. */
  begin(entry: Entry, buffer: Buffer): void {
    this.entries.push(entry)
    this.records.addBuffer(buffer)
  }

  /** The update at the cursor. */
  add(cursor: UpdateCursor): void {
    const { records } = this
    this.#rowIdStarts[records.length] = cursor.rowIdStart
    records.add(records.buffers.length - 1, cursor.bodyStart, cursor.bodyEnd, opIndex(cursor.op), cursor.ordinal)
  }

  /** The update at the cursor repeats record `at`: it shares its fate without being sent. */
  addRepetition(at: number, cursor: UpdateCursor): void {
    this.#repetitions.push({
      of: at,
      source: this.entries.length - 1,
      start: cursor.rowIdStart,
      ordinal: cursor.ordinal,
    })
  }

  /** Has record `at` the same bytes as the update at the cursor? */
  isSameBody(at: number, cursor: UpdateCursor): boolean {
    const { buffers, sources, starts, ends } = this.records
    const mine = buffers[sources[at]!]!
    return mine.compare(cursor.buffer, cursor.bodyStart, cursor.bodyEnd, starts[at], ends[at]) === 0
  }

  /** Counts records [from, to) as sent once more. */
  countSent(from: number, to: number): void {
    const { sources } = this.records
    for (let n = from; n < to; n++) this.entries[sources[n]!]!.counts!.sent++
  }

  /** The destination will never take record `at`. */
  refuse(at: number, field: string, message: string): void {
    const { ops, sources, ordinals } = this.records
    const op = updateOpAt(ops[at]!)
    this.#reject(op, sources[at]!, this.#rowIdStarts[at]!, ordinals[at]!, field, message)
    for (const { of, source, start, ordinal } of this.#repetitions) {
      if (of === at) this.#reject(op, source, start, ordinal, field, message)
    }
  }

  #reject(op: UpdateOp, source: number, start: number, ordinal: number, field: string, message: string): void {
    const { rejects, refused } = this.entries[source]!.counts!
    // Of a row that moved there are two operations, and the transformer may have rejected it: a row is rejected once.
    if (this.records.version !== null && rejects.some((reject) => reject.ordinal === ordinal)) return
    refused[op === 'insert' ? 'inserts' : op === 'delete' ? 'deletes' : 'updates']++
    rejects.push({
      rowId: this.records.buffers[source]!.toString('hex', start, start + rowIdBytes),
      ordinal,
      code: 'refused_by_destination',
      field,
      message: message.slice(0, messageLengthMax),
      stage: 'loader',
    })
  }

  /** Every record has a definite answer, unless `isDefinite` says that the batch was given up. */
  finish(isDefinite: boolean): void {
    if (isDefinite) {
      const { sources, length } = this.records
      const counts = new Int32Array(this.entries.length)
      for (let n = 0; n < length; n++) counts[sources[n]!]!++
      for (const { source } of this.#repetitions) counts[source]!++
      for (let n = 0; n < counts.length; n++) this.entries[n]!.settle(counts[n]!)
    }
    this.#settle()
  }
}
