import { type TableType, tableTypes, type UpdateOp } from '../words.ts'
import { AvroError } from './avro-error.ts'
import { AvroReader } from './avro-reader.ts'
import { AvroWriter } from './avro-writer.ts'
import type { BatchHeader, Reject, RejectCode } from './batch-header.ts'
import { readHeader, writeHeader } from './header-codec.ts'
import { opIndex, updateOpAt } from './ops.ts'

/** Most bodies have 64 to 8191 bytes, whose length takes two bytes; others are moved once. */
const reservedForLength = 2

/**
 * UpdateBatch = header table_type filtered array(Reject) array(Update)
 * Update      = op ordinal row_id union(null, key string) body bytes
 *
 * Collects the updates and rejects of one change batch. An update is written in place:
 * `begin(…)`, then the body's bytes through `writer`, then `commit()` or, when it turns out bad, `abandon()` and
 * `reject(…)`. Reusable: `finish` starts it again.
 *
 * Every row of the change batch is in one of the counts `updates`, `rejects` and `filtered`; a `retract` is in none.
 */
export class UpdateBatchBuilder {
  /** Where the body of the update goes between `begin` and `commit`. */
  readonly writer = new AvroWriter(256 * 1024)
  #rejects = new AvroWriter(4096)
  #head = new AvroWriter(1024)
  #start = 0
  #bodyStart = 0
  updates = 0
  rejects = 0
  filtered = 0
  #retracts = 0
  #isRetract = false

  /** Encoded size so far. */
  get bytes(): number {
    return this.writer.length + this.#rejects.length
  }

  /** The key's bytes are UTF-8 at [keyStart, keyEnd) of `key`, or null. */
  begin(
    op: UpdateOp,
    ordinal: number,
    rowId: Uint8Array,
    rowIdStart: number,
    key: Uint8Array | null,
    keyStart: number,
    keyEnd: number,
  ): void {
    const { writer } = this
    this.#start = writer.length
    this.#isRetract = op === 'retract'
    writer.writeInt(opIndex(op))
    writer.writeLong(ordinal)
    writer.writeRaw(rowId, rowIdStart, rowIdStart + 32)
    if (key === null) writer.writeNull()
    else {
      writer.writeSome()
      writer.writeBytes(key, keyStart, keyEnd)
    }
    writer.ensure(reservedForLength)
    this.#bodyStart = writer.length += reservedForLength
  }

  /** Size of the body written so far. */
  get bodyBytes(): number {
    return this.writer.length - this.#bodyStart
  }

  /** The update is whole. */
  commit(): void {
    const { writer } = this
    const start = this.#bodyStart
    const size = writer.length - start
    if (size >= 64 && size < 8192) {
      const { buffer } = writer
      buffer[start - 2] = ((size << 1) & 0x7f) | 0x80
      buffer[start - 1] = size >>> 6
    } else {
      const shift = (size < 64 ? 1 : size < 1 << 20 ? 3 : size < 1 << 27 ? 4 : 5) - reservedForLength
      if (shift > 0) writer.ensure(shift)
      writer.buffer.copyWithin(start + shift, start, start + size)
      writer.length = start - reservedForLength
      writer.writeInt(size)
      writer.length += size
    }
    if (this.#isRetract) this.#retracts++
    else this.updates++
  }

  /** Takes back what was written since `begin`. */
  abandon(): void {
    this.writer.length = this.#start
  }

  /** A whole update whose body stands at [start, end) of `body`. */
  append(
    op: UpdateOp,
    ordinal: number,
    rowId: Uint8Array,
    key: string | null,
    body: Uint8Array,
    start = 0,
    end = body.length,
  ): void {
    const keyBytes = key === null ? null : Buffer.from(key)
    this.begin(op, ordinal, rowId, 0, keyBytes, 0, keyBytes?.length ?? 0)
    this.writer.writeRaw(body, start, end)
    this.commit()
  }

  /** `rowId` is 32 bytes at `rowIdStart`. */
  reject(
    rowId: Uint8Array,
    rowIdStart: number,
    ordinal: number,
    code: RejectCode,
    field: string,
    message: string,
  ): void {
    const writer = this.#rejects
    writer.writeRaw(rowId, rowIdStart, rowIdStart + 32)
    writer.writeLong(ordinal)
    writer.writeString(code)
    writer.writeString(field)
    writer.writeString(message)
    this.rejects++
  }

  /** Counts a row that is left out on purpose. */
  filter(): void {
    this.filtered++
  }

  /** Forgets everything. */
  reset(): void {
    this.writer.reset()
    this.#rejects.reset()
    this.updates = this.rejects = this.filtered = this.#retracts = 0
  }

  /** Avro bytes in a buffer of their own; `header` is the change batch's, unchanged. `prefix` is put in front. */
  finish(header: BatchHeader, tableType: TableType, prefix?: Uint8Array): Buffer {
    const { writer } = this
    const rejects = this.#rejects
    const head = this.#head
    head.reset()
    if (prefix !== undefined) head.writeRaw(prefix, 0, prefix.length)
    writeHeader(head, header)
    head.writeInt(tableTypes.indexOf(tableType))
    head.writeInt(this.filtered)
    if (this.rejects > 0) {
      head.writeLong(this.rejects)
      head.writeRaw(rejects.buffer, 0, rejects.length)
    }
    head.writeInt(0)
    const items = this.updates + this.#retracts
    if (items > 0) head.writeLong(items)
    const message = Buffer.allocUnsafeSlow(head.length + writer.length + 1)
    head.buffer.copy(message, 0, 0, head.length)
    writer.buffer.copy(message, head.length, 0, writer.length)
    message[message.length - 1] = 0
    this.reset()
    return message
  }
}

/**
 * Reads an update batch: header, rejects (few, as objects), then `while (cursor.next()) …` sets the fields of one
 * update; they point into `buffer`, and nothing is allocated per update.
 */
export class UpdateCursor {
  readonly buffer: Buffer
  readonly header: BatchHeader
  readonly tableType: TableType
  readonly filtered: number
  readonly rejects: readonly Reject[]
  op: UpdateOp = 'insert'
  ordinal = 0
  /** 32 bytes from here. */
  rowIdStart = 0
  /** The key is UTF-8 at [keyStart, keyEnd); keyStart is -1 when there is none. */
  keyStart = -1
  keyEnd = -1
  /** The body is at [bodyStart, bodyEnd). */
  bodyStart = 0
  bodyEnd = 0
  readonly #reader: AvroReader
  #left = 0

  constructor(buffer: Buffer, offset: number) {
    this.buffer = buffer
    const reader = new AvroReader(buffer, offset)
    this.#reader = reader
    this.header = readHeader(reader)
    const tableType = tableTypes[reader.readInt()]
    if (tableType === undefined) throw new AvroError('the table type of an update batch is unknown')
    this.tableType = tableType
    this.filtered = reader.readInt()
    this.rejects = readRejects(reader)
    this.#left = reader.readBlock()
  }

  next(): boolean {
    if (this.#left === 0) return false
    const reader = this.#reader
    this.op = updateOpAt(reader.readSafeLong())
    this.ordinal = reader.readSafeLong()
    reader.readFixed(32)
    this.rowIdStart = reader.start
    if (reader.readSome()) {
      reader.readBytes()
      this.keyStart = reader.start
      this.keyEnd = reader.stop
    } else this.keyStart = this.keyEnd = -1
    reader.readBytes()
    this.bodyStart = reader.start
    this.bodyEnd = reader.stop
    if (--this.#left === 0) this.#left = reader.readBlock()
    return true
  }

  /** The key as text, or null. Allocates. */
  key(): string | null {
    return this.keyStart < 0 ? null : this.buffer.toString('utf8', this.keyStart, this.keyEnd)
  }

  /** The row id as a view of `buffer`. Allocates the view. */
  rowId(): Buffer {
    return this.buffer.subarray(this.rowIdStart, this.rowIdStart + 32)
  }

  /** The body as a view of `buffer`. Allocates the view. */
  body(): Buffer {
    return this.buffer.subarray(this.bodyStart, this.bodyEnd)
  }
}

/** Reads the batch that begins at `offset`, after the registry's prefix. Throws `AvroError`. */
export function readUpdateBatch(buffer: Buffer, offset = 0): UpdateCursor {
  return new UpdateCursor(buffer, offset)
}

function readRejects(reader: AvroReader): Reject[] {
  const rejects: Reject[] = []
  for (let left = reader.readBlock(); left > 0; left = reader.readBlock()) {
    for (; left > 0; left--) {
      reader.readFixed(32)
      rejects.push({
        rowId: reader.buffer.toString('hex', reader.start, reader.stop),
        ordinal: reader.readSafeLong(),
        code: reader.readString() as RejectCode,
        field: reader.readString(),
        message: reader.readString(),
      })
    }
  }
  return rejects
}
