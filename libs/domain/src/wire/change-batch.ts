import type { ChangeOp } from '../words.ts'
import { AvroReader } from './avro-reader.ts'
import { AvroWriter } from './avro-writer.ts'
import type { BatchHeader } from './batch-header.ts'
import { readHeader, writeHeader } from './header-codec.ts'
import { changeOpAt, opIndex } from './ops.ts'
import { compileSkipRow, type SkipRow } from './skip-row.ts'

/**
 * ChangeBatch = header array(Change)
 * Change      = op ordinal row_id union(null, Row) union(null, Before)
 *
 * Collects changes that are encoded already and closes them with a header. Reusable: `finish` starts it again.
 */
export class ChangeBatchBuilder {
  #changes = new AvroWriter(64 * 1024)
  #head = new AvroWriter(512)
  /** Changes appended since the last `finish`. */
  rows = 0

  /** Encoded size of the changes so far: compare with the batch limit before or after appending. */
  get bytes(): number {
    return this.#changes.length
  }

  /**
   * `row` holds the Row at [start, end), or is null: for a delete, and for an insert or update whose row is too large to be
   * published, which becomes the reject `row_too_large`. `before` is the whole of a Before: what the row was, in an update
   * or delete of a table type that has mirror.
   */
  append(
    op: ChangeOp,
    ordinal: number,
    rowId: Uint8Array,
    row: Uint8Array | null,
    start = 0,
    end = row?.length ?? 0,
    before: Uint8Array | null = null,
  ): void {
    const changes = this.#changes
    changes.writeInt(opIndex(op))
    changes.writeLong(ordinal)
    changes.writeRaw(rowId, 0, 32)
    if (row === null) changes.writeNull()
    else {
      changes.writeSome()
      changes.writeRaw(row, start, end)
    }
    if (before === null) changes.writeNull()
    else {
      changes.writeSome()
      changes.writeRaw(before, 0, before.length)
    }
    this.rows++
  }

  /** Forgets what was appended. */
  reset(): void {
    this.#changes.reset()
    this.rows = 0
  }

  /**
   * Avro bytes of the batch in a buffer of their own; `rows` and `bytes` of the header are filled in from what was
   * appended. `prefix` is put in front (the registry's five bytes), which saves a copy later.
   */
  finish(header: Omit<BatchHeader, 'rows' | 'bytes'>, prefix?: Uint8Array): Buffer {
    const changes = this.#changes
    const head = this.#head
    head.reset()
    if (prefix !== undefined) head.writeRaw(prefix, 0, prefix.length)
    writeHeader(head, { ...header, rows: this.rows, bytes: changes.length })
    if (this.rows > 0) head.writeLong(this.rows)
    const message = Buffer.allocUnsafeSlow(head.length + changes.length + 1)
    head.buffer.copy(message, 0, 0, head.length)
    changes.buffer.copy(message, head.length, 0, changes.length)
    message[message.length - 1] = 0
    this.reset()
    return message
  }
}

/**
 * Walks the changes of one batch: `while (cursor.next()) …` sets the fields below. They point into `buffer`; nothing is
 * allocated per change. Throws `AvroError` on bytes that are no change batch of the row's schema.
 */
export class ChangeCursor {
  readonly buffer: Buffer
  readonly header: BatchHeader
  op: ChangeOp = 'insert'
  ordinal = 0
  /** 32 bytes from here. */
  rowIdStart = 0
  /** The Row is at [rowStart, rowEnd); rowStart is -1 when the change has none. */
  rowStart = -1
  rowEnd = -1
  /** The Before is at [beforeStart, beforeEnd); beforeStart is -1 when the change has none. */
  beforeStart = -1
  beforeEnd = -1
  readonly #reader: AvroReader
  readonly #skipRow: SkipRow
  readonly #skipBefore: SkipRow
  #left = 0

  constructor(buffer: Buffer, offset: number, skipRow: SkipRow, skipBefore: SkipRow) {
    this.buffer = buffer
    this.#skipRow = skipRow
    this.#skipBefore = skipBefore
    this.#reader = new AvroReader(buffer, offset)
    this.header = readHeader(this.#reader)
    this.#left = this.#reader.readBlock()
  }

  /** `walkRow` and `walkBefore` replace the cursor's own functions, for a caller that looks at the columns on the way. */
  next(walkRow: SkipRow = this.#skipRow, walkBefore: SkipRow = this.#skipBefore): boolean {
    if (this.#left === 0) return false
    const reader = this.#reader
    this.op = changeOpAt(reader.readSafeLong())
    this.ordinal = reader.readSafeLong()
    reader.readFixed(32)
    this.rowIdStart = reader.start
    if (reader.readSome()) {
      this.rowStart = reader.offset
      walkRow(reader)
      this.rowEnd = reader.offset
    } else this.rowStart = this.rowEnd = -1
    if (reader.readSome()) {
      this.beforeStart = reader.offset
      walkBefore(reader)
      this.beforeEnd = reader.offset
    } else this.beforeStart = this.beforeEnd = -1
    if (--this.#left === 0) this.#left = reader.readBlock()
    return true
  }
}

const skipNothing = compileSkipRow({ columns: [] })

/**
 * Reads the batch that begins at `offset`, after the registry's prefix. `skipRow` and `skipBefore` are made from the
 * writer's schema; the Before of a schema without before-images has no fields.
 */
export function readChangeBatch(
  buffer: Buffer,
  offset: number,
  skipRow: SkipRow,
  skipBefore: SkipRow = skipNothing,
): ChangeCursor {
  return new ChangeCursor(buffer, offset, skipRow, skipBefore)
}
