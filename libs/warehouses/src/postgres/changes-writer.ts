import { promisify } from 'node:util'
import { zstdCompress } from 'node:zlib'
import type { ChangeOp } from '@millrace/domain/words.ts'
import type { KeptWriter } from '../mirror/kept.ts'
import { identityBytes } from './mirror-statements.ts'

const compress = promisify(zstdCompress)

/** What is held in memory before it is written. */
const blobBytes = 4 * 1024 * 1024

export const opCodes: readonly ChangeOp[] = ['insert', 'update', 'delete']
/** op, identity, length of the before-image, length of the row; lengths are -1 for none. */
export const headBytes = 1 + identityBytes + 4 + 4

/** A part of a run's changes as they stand at Millrace. */
export type ChangesBlob = { readonly blob: string; readonly rows: number }

/**
 * Sets the changes of a run aside at Millrace, since the snapshot that they were found in cannot outlive its connection.
 *
 *   blob = zstd( change* )
 *   change = byte(op) identity int32(before) int32(row) byte[before] byte[row]
 */
export class ChangesWriter {
  readonly #keep: KeptWriter
  #buffer = Buffer.allocUnsafeSlow(64 * 1024)
  #length = 0
  #rows = 0
  /** What was written so far. */
  readonly blobs: ChangesBlob[] = []
  readonly counts = { insert: 0, update: 0, delete: 0 }

  constructor(keep: KeptWriter) {
    this.#keep = keep
  }

  /** Whether the next thing to do is `flush`. */
  get isFull(): boolean {
    return this.#length >= blobBytes
  }

  /** Copies one change: the identity at `at` of `identities`, the row from 0 to `rowLength`. */
  add(
    op: ChangeOp,
    identities: Buffer,
    at: number,
    before: Buffer | null,
    row: Buffer | null,
    rowLength: number,
  ): void {
    const beforeLength = before === null ? 0 : before.length
    this.#reserve(headBytes + beforeLength + rowLength)
    const buffer = this.#buffer
    let to = this.#length
    buffer[to++] = opCodes.indexOf(op)
    to += identities.copy(buffer, to, at, at + identityBytes)
    to = buffer.writeInt32LE(before === null ? -1 : beforeLength, to)
    to = buffer.writeInt32LE(row === null ? -1 : rowLength, to)
    if (before !== null) to += before.copy(buffer, to)
    if (row !== null) to += row.copy(buffer, to, 0, rowLength)
    this.#length = to
    this.#rows++
    this.counts[op]++
  }

  /** Writes what was added since the last time. */
  async flush(): Promise<void> {
    if (this.#rows === 0) return
    const [blob] = await this.#keep.putBlobs([await compress(this.#buffer.subarray(0, this.#length))])
    this.blobs.push({ blob: blob!, rows: this.#rows })
    this.#length = 0
    this.#rows = 0
    if (this.#buffer.length > 4 * blobBytes) this.#buffer = Buffer.allocUnsafeSlow(64 * 1024)
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#length + bytes, 2 * this.#buffer.length))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}
