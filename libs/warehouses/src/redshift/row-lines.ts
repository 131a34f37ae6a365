import { WarehouseError } from '../warehouse-error.ts'

const lineFeed = 10
const bar = 124
const backslash = 92

/** Longer than any row that Redshift holds, with every byte escaped. */
const rowBytesMax = 128 * 1024 * 1024

/**
 * Rows out of the bytes of an unloaded file. One object serves all rows: nothing is allocated per row or field.
 *
 *   file  = ( row LF )*
 *   row   = field ( '|' field )*
 *   field = ( '\' any | any but '\', '|' and LF )*
 */
export class RowLines {
  /** Where the fields of the present row stand, without their escapes. Replaced when it grows. */
  buffer: Buffer
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** Whether the present row has bytes beyond ASCII. */
  isWide = false
  readonly #fields: number
  /** What is not taken yet: from start to end; no row ends before `scanned`. */
  #start = 0
  #end = 0
  #scanned = 0

  constructor(fields: number, capacity = 256 * 1024) {
    this.#fields = fields
    this.starts = new Int32Array(fields)
    this.ends = new Int32Array(fields)
    this.buffer = Buffer.allocUnsafeSlow(capacity)
  }

  /** Takes more bytes. The present row is gone afterwards. */
  add(bytes: Uint8Array): void {
    const rest = this.#end - this.#start
    // One byte more, for the line feed that ends every search.
    const needed = rest + bytes.length + 1
    if (needed > rowBytesMax) throw malformed('a row of more than 128 MB')
    if (needed > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.buffer.length))
      this.buffer.copy(larger, 0, this.#start, this.#end)
      this.buffer = larger
    } else this.buffer.copyWithin(0, this.#start, this.#end)
    this.#scanned -= this.#start
    this.#start = 0
    this.buffer.set(bytes, rest)
    this.#end = rest + bytes.length
    this.buffer[this.#end] = lineFeed
  }

  /** Goes to the next row; false when it is not there as a whole. Throws `protocol_error` unless it has the fields expected. */
  next(): boolean {
    const { buffer } = this
    for (let from = this.#scanned; ; ) {
      const at = buffer.indexOf(lineFeed, from)
      if (at >= this.#end) {
        this.#scanned = this.#end
        return false
      }
      let escapes = at
      while (escapes > this.#start && buffer[escapes - 1] === backslash) escapes--
      if (((at - escapes) & 1) === 0) {
        this.#split(at)
        this.#start = this.#scanned = at + 1
        return true
      }
      from = at + 1
    }
  }

  /** Throws `protocol_error` when the file ended in the middle of a row. */
  finish(): void {
    if (this.#start !== this.#end) throw malformed('half a row at its end')
  }

  /** Takes the escapes out, in place: what is left is never longer. */
  #split(end: number): void {
    const { buffer, starts, ends } = this
    const fields = this.#fields
    let field = 0
    let to = this.#start
    let bits = 0
    starts[0] = to
    for (let at = this.#start; at < end; at++) {
      let byte = buffer[at]!
      if (byte === bar) {
        ends[field++] = to
        if (field === fields) throw malformed('a row with too many fields')
        starts[field] = to
        continue
      }
      if (byte === backslash) byte = buffer[++at]!
      bits |= byte
      buffer[to++] = byte
    }
    ends[field] = to
    if (field !== fields - 1) throw malformed('a row with too few fields')
    this.isWide = bits >= 128
  }
}

export function malformed(what: string): WarehouseError {
  return new WarehouseError(
    'protocol_error',
    `Redshift unloaded ${what}.`,
    'If it happens again, report it with the log of the extractor.',
  )
}
