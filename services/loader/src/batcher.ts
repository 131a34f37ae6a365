import type { BatchedType } from '@millrace/destinations/destination.ts'
import type { UpdateCursor } from '@millrace/domain/wire/update-batch.ts'
import type { Entry } from './entry.ts'
import { LoadBatch } from './load-batch.ts'

export type BatchLimits = {
  readonly recordsMax: number
  /** Uncompressed. */
  readonly bytesMax: number
  /** Requests may overtake each other. */
  readonly orderFree: boolean
}

/** What batches of a mirror have beyond others. */
export type MirrorTerms = {
  /** What must have happened before any of the run's rows is sent. */
  readonly after: Promise<unknown> | null
}

/** Bytes that joining may add to each record: the project token, or operation and version, and a separator. */
const joinBytes = 128

/**
 * Gathers the updates of one partition into batches by project and table type, over message boundaries. A batch goes to
 * `send` when it is full, and when `seal` says so.
 *
 * Where order matters, no two unanswered batches hold the same row: a second update of a row closes the open batch, and
 * what comes after it waits for all unanswered ones. An update that repeats the row's last one byte for byte is left out,
 * since it changes nothing. Records of a mirror are only with those of the same generation and run, so that a batch has one
 * version. Proved by test/batcher.test.ts.
 */
export class Batcher {
  readonly #send: (batch: LoadBatch) => void
  readonly #now: () => number
  readonly #open = new Map<string, LoadBatch>()
  readonly #unanswered = new Map<string, Set<LoadBatch>>()

  constructor(send: (batch: LoadBatch) => void, now: () => number) {
    this.#send = send
    this.#now = now
  }

  /** Adds all updates of a message; the entry's records are pending afterwards. */
  add(
    entry: Entry,
    cursor: UpdateCursor,
    projectId: string,
    tableType: BatchedType,
    limits: BatchLimits,
    mirror: MirrorTerms | null = null,
  ): void {
    const { generation, runSeq } = cursor.header
    const version = mirror && { generation, runSeq }
    const key = `${projectId}/${tableType}${version === null ? '' : `/${generation}.${runSeq}`}`
    const { recordsMax, bytesMax, orderFree } = limits
    let batch = this.#open.get(key)
    batch?.begin(entry, cursor.buffer)
    if (mirror?.after) batch?.after.push(mirror.after)
    while (cursor.next()) {
      if (batch && !this.#fits(batch, cursor, recordsMax, bytesMax)) {
        this.#close(key, batch)
        batch = undefined
      }
      const row = orderFree ? -1 : cursor.buffer.readUIntBE(cursor.rowIdStart, 6)
      const conflict = orderFree ? 'none' : this.#conflict(key, batch, row, cursor)
      countOp(entry, cursor)
      entry.pending++
      if (conflict === 'repeats') {
        batch!.addRepetition(batch!.rows.get(row)!, cursor)
        continue
      }
      if (conflict === 'open' && batch) {
        this.#close(key, batch)
        batch = undefined
      }
      if (!batch) {
        batch = new LoadBatch(projectId, tableType, recordsMax, this.#now(), version)
        this.#open.set(key, batch)
        batch.begin(entry, cursor.buffer)
        if (mirror?.after) batch.after.push(mirror.after)
      }
      if (conflict === 'open' || conflict === 'unanswered') batch.after = this.#allSettled(key)
      if (!orderFree) batch.rows.set(row, batch.length)
      batch.add(cursor)
    }
    if (batch && batch.length >= recordsMax) this.#close(key, batch)
  }

  /** Sends what is open and older than `ageMs`; all of one project, or of all of them. */
  seal(ageMs: number, projectId?: string): void {
    const before = this.#now() - ageMs
    for (const [key, batch] of this.#open) {
      if (batch.openedMs <= before && (projectId === undefined || batch.projectId === projectId))
        this.#close(key, batch)
    }
  }

  /** Forgets the open batch of a project and gives up the unanswered ones. */
  drop(projectId: string): void {
    for (const [key, batch] of this.#open) if (batch.projectId === projectId) this.#open.delete(key)
    for (const batches of this.#unanswered.values()) {
      for (const batch of batches) if (batch.projectId === projectId) batch.cancelled.abort()
    }
  }

  #fits(batch: LoadBatch, cursor: UpdateCursor, recordsMax: number, bytesMax: number): boolean {
    const { records } = batch
    const bytes = records.bytes + records.length * joinBytes + cursor.bodyEnd - cursor.bodyStart + joinBytes
    return records.length < recordsMax && records.buffers.length < 65_535 && bytes <= bytesMax
  }

  #conflict(
    key: string,
    batch: LoadBatch | undefined,
    row: number,
    cursor: UpdateCursor,
  ): 'none' | 'repeats' | 'open' | 'unanswered' {
    const at = batch?.rows.get(row)
    if (batch && at !== undefined) return batch.isSameBody(at, cursor) ? 'repeats' : 'open'
    for (const other of this.#unanswered.get(key) ?? []) if (other.rows.has(row)) return 'unanswered'
    return 'none'
  }

  #allSettled(key: string): Promise<void>[] {
    return Array.from(this.#unanswered.get(key) ?? [], (batch) => batch.settled)
  }

  #close(key: string, batch: LoadBatch): void {
    this.#open.delete(key)
    if (batch.length === 0) {
      batch.finish(true)
      return
    }
    const batches = this.#unanswered.get(key) ?? new Set()
    this.#unanswered.set(key, batches.add(batch))
    void batch.settled.then(() => {
      batches.delete(batch)
      if (batches.size === 0 && this.#unanswered.get(key) === batches) this.#unanswered.delete(key)
    })
    this.#send(batch)
  }
}

/** A retract is no row: the update or reject of the same row counts. */
function countOp(entry: Entry, { op }: UpdateCursor): void {
  const counts = entry.counts!
  if (op === 'insert') counts.inserts++
  else if (op === 'update') counts.updates++
  else if (op === 'delete') counts.deletes++
}
