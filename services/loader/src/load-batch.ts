import type { BatchedType } from '@millrace/destinations/destination.ts'
import { RecordBatch } from '@millrace/destinations/record-batch.ts'
import { changeOps } from '@millrace/domain/wire/ops.ts'
import type { UpdateCursor } from '@millrace/domain/wire/update-batch.ts'
import type { ChangeOp } from '@millrace/domain/words.ts'
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
  /** Batches that must have a definite answer before this one is sent. */
  after: Promise<void>[] = []
  readonly settled: Promise<void>
  readonly #settle: () => void
  readonly #rowIdStarts: Int32Array
  readonly #ordinals: Float64Array
  readonly #ops: Uint8Array
  readonly #repetitions: { of: number; source: number; start: number; ordinal: number }[] = []

  constructor(projectId: string, tableType: BatchedType, recordsMax: number, openedMs: number) {
    this.projectId = projectId
    this.tableType = tableType
    this.records = new RecordBatch(recordsMax)
    this.openedMs = openedMs
    this.#rowIdStarts = new Int32Array(recordsMax)
    this.#ordinals = new Float64Array(recordsMax)
    this.#ops = new Uint8Array(recordsMax)
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
    const at = records.length
    this.#rowIdStarts[at] = cursor.rowIdStart
    this.#ordinals[at] = cursor.ordinal
    this.#ops[at] = cursor.op === 'insert' ? 0 : cursor.op === 'update' ? 1 : 2
    records.add(records.buffers.length - 1, cursor.bodyStart, cursor.bodyEnd)
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
    const op = changeOps[this.#ops[at]!]!
    this.#reject(op, this.records.sources[at]!, this.#rowIdStarts[at]!, this.#ordinals[at]!, field, message)
    for (const { of, source, start, ordinal } of this.#repetitions) {
      if (of === at) this.#reject(op, source, start, ordinal, field, message)
    }
  }

  #reject(op: ChangeOp, source: number, start: number, ordinal: number, field: string, message: string): void {
    const { rejects, refused } = this.entries[source]!.counts!
    refused[op === 'insert' ? 'inserts' : op === 'update' ? 'updates' : 'deletes']++
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
