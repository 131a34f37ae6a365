/**
 * The log's format. A segment is text that DuckDB's CSV reader takes as it stands; a frame is what one request added:
 *
 *   segment = frame*
 *   frame   = header line*
 *   header  = '#' TAB first-sequence(16 digits) TAB records(10 digits) TAB bytes(10 digits) TAB crc(8 hex) TAB kind
 *             TAB TAB LF                              bytes = size of the lines
 *   line    = kind TAB sequence TAB time-ms TAB a TAB b TAB c TAB d TAB json LF
 *
 *   kind 'e' event         a = event, b = distinct_id, c = $insert_id, d = $warehouse_import_id, json = properties
 *   kind 'v' versioned      as 'e', but c = $insert_id '/' ( 'upsert' | 'delete' ) '/' generation '/' run_seq '/' ordinal
 *   kind 'h' profile history as 'v', a = name of the hidden event, b = id, json = {"group_key":…,"set":…}
 *   kind 'p' profile       a = group key, empty for users, b = id, json = update
 *   kind 'l' lookup table  a = table id, b = name of the file with its CSV
 *   kind 'd' deletion      a = import id
 *
 * a to d are the insides of JSON strings and json is one line of JSON, so neither holds a TAB or a line end. crc is the
 * CRC-32 of the header up to it and of the lines: a frame that a crash cut short is known by it.
 */
import { crc32 } from 'node:zlib'
import { integerTextMax, writeInteger } from '@millrace/domain/text/integer-text.ts'
import type { BufferPool } from './buffer-pool.ts'

export type RecordKind = 'e' | 'v' | 'h' | 'p' | 'l' | 'd'

export const headerBytes = 54
const crcAt = 41
const kindAt = 50
const lineFixedMax = 2 * integerTextMax + 16

/** Builds one frame. */
export class FrameBuilder {
  buffer: Buffer
  length = headerBytes
  records = 0
  readonly kind: RecordKind
  readonly firstSequence: number

  readonly #pool: BufferPool | null

  /** With a pool the buffer comes from it, and goes back by `release`. */
  constructor(kind: RecordKind, firstSequence: number, capacityBytes: number, pool: BufferPool | null = null) {
    this.kind = kind
    this.firstSequence = firstSequence
    this.#pool = pool
    const bytes = headerBytes + capacityBytes
    this.buffer = pool === null ? Buffer.allocUnsafe(bytes) : pool.take(bytes)
  }

  /** The frame has been written or given up: its buffer may be used again. */
  release(): void {
    this.#pool?.give(this.buffer)
  }

  /** Opens a line whose texts together have at most `textBytes`; what follows is written by `put`. */
  begin(timeMs: number, textBytes: number): void {
    this.#ensure(textBytes + lineFixedMax)
    const { buffer } = this
    let at = this.length
    buffer[at++] = this.kind.charCodeAt(0)
    buffer[at++] = 9
    at = writeInteger(buffer, at, this.firstSequence + this.records)
    buffer[at++] = 9
    this.length = writeInteger(buffer, at, timeMs)
    this.records++
  }

  /** Appends the next column from bytes. */
  put(source: Uint8Array, start: number, end: number): void {
    const { buffer } = this
    let at = this.length
    buffer[at++] = 9
    if (end - start < 48) for (let i = start; i < end; i++) buffer[at++] = source[i]!
    else {
      buffer.set(source.subarray(start, end), at)
      at += end - start
    }
    this.length = at
  }

  /** Appends the next column from text. */
  putText(text: string): void {
    this.buffer[this.length++] = 9
    this.length += this.buffer.write(text, this.length)
  }

  /** Makes spaces of line ends and TABs from `start` on, in a column of JSON: they stand between tokens there. */
  flattenLast(start: number): void {
    for (let i = start; i < this.length; i++) if (this.buffer[i]! < 32) this.buffer[i] = 32
  }

  end(): void {
    this.buffer[this.length++] = 10
  }

  /** A whole line of texts; the insides of JSON strings, see `lineText`. */
  line(timeMs: number, a: string, b: string, json: string): void {
    this.begin(timeMs, 3 * (a.length + b.length + json.length))
    this.putText(a)
    this.putText(b)
    this.putText('')
    this.putText('')
    this.putText(json)
    this.end()
  }

  /** The frame, ready to be written. */
  finish(): Buffer {
    const frame = this.buffer.subarray(0, this.length)
    const size = this.length - headerBytes
    frame.write(`#\t${pad(this.firstSequence, 16)}\t${pad(this.records, 10)}\t${pad(size, 10)}\t`, 0, 'latin1')
    frame.write(frameCrc(frame), crcAt, 'latin1')
    frame.write(`\t${this.kind}\t\t\n`, crcAt + 8, 'latin1')
    return frame
  }

  #ensure(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + bytes))
    this.buffer.copy(grown, 0, 0, this.length)
    this.buffer = grown
  }
}

/** Text as the columns a to d hold it: the inside of a JSON string. */
export function lineText(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

/** The text that `lineText` was made from. */
export function readLineText(column: string): string {
  return column.includes('\\') ? (JSON.parse(`"${column}"`) as string) : column
}

export type FrameHeader = {
  readonly firstSequence: number
  readonly records: number
  readonly bytes: number
  readonly kind: RecordKind
}

/** The header at the start of `bytes`, null when there is none. */
export function readHeader(bytes: Buffer): FrameHeader | null {
  if (bytes.length < headerBytes) return null
  const match = /^#\t(\d{16})\t(\d{10})\t(\d{10})\t[0-9a-f]{8}\t([evhpld])\t\t\n$/.exec(
    bytes.toString('latin1', 0, headerBytes),
  )
  if (match === null) return null
  return {
    firstSequence: Number(match[1]),
    records: Number(match[2]),
    bytes: Number(match[3]),
    kind: String.fromCharCode(bytes[kindAt]!) as RecordKind,
  }
}

/** Whether a frame, header included, is the one that was written. */
export function isWhole(frame: Buffer): boolean {
  return frame.toString('latin1', crcAt, crcAt + 8) === frameCrc(frame)
}

function frameCrc(frame: Buffer): string {
  const crc = crc32(frame.subarray(headerBytes), crc32(frame.subarray(0, crcAt)))
  return crc.toString(16).padStart(8, '0')
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0')
}
