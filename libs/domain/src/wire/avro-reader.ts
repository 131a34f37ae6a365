import { AvroError } from './avro-error.ts'

const twoPow32 = 4294967296

/**
 * A cursor over Avro binary (grammar: avro-writer.ts). Every read checks the end and throws `AvroError` when the bytes
 * run out or are malformed; it never reads outside of [offset, end).
 *
 * Reads that would make an object set fields instead: `hi`/`lo` for a long, `start`/`stop` for bytes.
 */
export class AvroReader {
  buffer: Buffer
  offset: number
  end: number
  /** Halves of the last long: signed high, unsigned low. */
  hi = 0
  lo = 0
  /** Range of the last bytes, string or fixed. */
  start = 0
  stop = 0

  constructor(buffer: Buffer, offset = 0, end = buffer.length) {
    this.buffer = buffer
    this.offset = offset
    this.end = end
  }

  /** Points the cursor elsewhere; no allocation. */
  open(buffer: Buffer, offset: number, end: number): void {
    this.buffer = buffer
    this.offset = offset
    this.end = end
  }

  /** Sets `hi` and `lo`. */
  readLongHalves(): void {
    const { buffer, end } = this
    let at = this.offset
    let low = 0
    let high = 0
    let shift = 0
    for (;;) {
      if (at >= end) throw truncated(at)
      const byte = buffer[at++]!
      const bits = byte & 0x7f
      if (shift < 28) low |= bits << shift
      else if (shift === 28) {
        low |= bits << 28
        high = bits >>> 4
      } else {
        if (shift === 63 && byte > 1) throw new AvroError(`a long longer than 64 bits ends at byte ${at}`)
        high |= bits << (shift - 32)
      }
      if (byte < 0x80) break
      shift += 7
    }
    this.offset = at
    const sign = -(low & 1)
    this.lo = (((low >>> 1) | (high << 31)) ^ sign) >>> 0
    this.hi = (high >>> 1) ^ sign
  }

  /** A number when it is a safe integer, else a bigint. */
  readLong(): number | bigint {
    this.readLongHalves()
    const { hi, lo } = this
    const value = hi * twoPow32 + lo
    if (Number.isSafeInteger(value)) return value
    return (BigInt(hi) << 32n) | BigInt(lo)
  }

  /** A long that must be a safe integer: ordinals, counts, sizes. */
  readSafeLong(): number {
    const { buffer } = this
    const at = this.offset
    // One byte is the common case of counts and small numbers.
    if (at < this.end) {
      const byte = buffer[at]!
      if (byte < 0x80) {
        this.offset = at + 1
        return (byte >>> 1) ^ -(byte & 1)
      }
    }
    const value = this.readLong()
    if (typeof value === 'bigint') throw new AvroError(`a number beyond 2^53 at byte ${at}`)
    return value
  }

  readInt(): number {
    const at = this.offset
    const value = this.readSafeLong()
    if (value !== (value | 0)) throw new AvroError(`an int beyond 32 bits at byte ${at}`)
    return value
  }

  readBoolean(): boolean {
    if (this.offset >= this.end) throw truncated(this.offset)
    const byte = this.buffer[this.offset++]!
    if (byte > 1) throw new AvroError(`a boolean that is neither 0 nor 1 at byte ${this.offset - 1}`)
    return byte === 1
  }

  readDouble(): number {
    if (this.end - this.offset < 8) throw truncated(this.end)
    const value = this.buffer.readDoubleLE(this.offset)
    this.offset += 8
    return value
  }

  /** Sets `start` and `stop` to the content of bytes or a string. */
  readBytes(): void {
    const size = this.readSafeLong()
    if (size < 0) throw new AvroError(`a negative length before byte ${this.offset}`)
    this.readFixed(size)
  }

  /** Sets `start` and `stop` to the next `size` bytes. */
  readFixed(size: number): void {
    if (size > this.end - this.offset) throw truncated(this.end)
    this.start = this.offset
    this.stop = this.offset += size
  }

  readString(): string {
    this.readBytes()
    return this.buffer.toString('utf8', this.start, this.stop)
  }

  /** Branch of `["null", T]`: true when a value follows. */
  readSome(): boolean {
    if (this.offset >= this.end) throw truncated(this.offset)
    const byte = this.buffer[this.offset++]!
    if (byte !== 0 && byte !== 2) throw new AvroError(`no branch of a union of two at byte ${this.offset - 1}`)
    return byte === 2
  }

  /** Items in the next block of an array, 0 at its end. A writer may give a negative count and then a size in bytes. */
  readBlock(): number {
    const count = this.readSafeLong()
    if (count >= 0) return count
    this.skipLong()
    return -count
  }

  skipLong(): void {
    const { buffer, end } = this
    let at = this.offset
    const limit = at + 10
    for (;;) {
      if (at >= end) throw truncated(at)
      if (buffer[at++]! < 0x80) break
      if (at >= limit) throw new AvroError(`a long longer than 64 bits before byte ${at}`)
    }
    this.offset = at
  }

  skipBoolean(): void {
    this.readBoolean()
  }

  skipDouble(): void {
    if (this.end - this.offset < 8) throw truncated(this.end)
    this.offset += 8
  }

  skipBytes(): void {
    this.readBytes()
  }

  skipFixed(size: number): void {
    this.readFixed(size)
  }
}

function truncated(at: number): AvroError {
  return new AvroError(`the data ends at byte ${at}, in the middle of a value`)
}
