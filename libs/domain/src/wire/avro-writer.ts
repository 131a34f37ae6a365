/**
 * Avro binary encoding, written into one growing buffer.
 *
 *   int, long   zigzag(n) = (n << 1) ^ (n >> 63), then 7 bits a byte, least first, 0x80 = more follow (1..10 bytes)
 *   boolean     0x00 | 0x01
 *   double      8 bytes IEEE 754, little endian
 *   bytes       long(length) byte*
 *   string      long(length) UTF-8
 *   fixed       byte*
 *   union       long(index of the branch) value;     ["null", T]: 0x00 | 0x02 T
 *   array       ( long(count) item* )* 0x00
 *   record      its fields one after the other, nothing between
 *
 * https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
 */
export class AvroWriter {
  /** Valid from 0 to `length`; replaced by a larger one when it grows, so do not keep it over a write. */
  buffer: Buffer
  length = 0

  /** `capacity` in bytes is where it starts; it doubles as needed. */
  constructor(capacity = 16 * 1024) {
    this.buffer = Buffer.allocUnsafeSlow(capacity)
  }

  /** Starts again with the same memory. */
  reset(): void {
    this.length = 0
  }

  /** After this, `bytes` more bytes fit without growing. */
  ensure(bytes: number): void {
    if (this.length + bytes > this.buffer.length) this.#grow(this.length + bytes)
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2))
    this.buffer.copy(larger, 0, 0, this.length)
    this.buffer = larger
  }

  /** A number must be a safe integer, a bigint must fit 64 bits. */
  writeLong(value: number | bigint): void {
    if (typeof value === 'bigint') {
      this.writeLongHiLo(Number(BigInt.asIntN(32, value >> 32n)), Number(BigInt.asUintN(32, value)))
    } else if (value === (value | 0)) this.writeInt(value)
    else this.writeLongHiLo(Math.floor(value / 4294967296), value >>> 0)
  }

  /** An int64 as its halves: `hi` signed 32 bits, `lo` unsigned 32 bits. */
  writeLongHiLo(hi: number, lo: number): void {
    this.ensure(10)
    const { buffer } = this
    let at = this.length
    const sign = hi >> 31
    let high = (((hi << 1) | (lo >>> 31)) ^ sign) >>> 0
    let low = ((lo << 1) ^ sign) >>> 0
    while (high !== 0) {
      buffer[at++] = (low & 0x7f) | 0x80
      low = ((low >>> 7) | (high << 25)) >>> 0
      high >>>= 7
    }
    while (low > 0x7f) {
      buffer[at++] = (low & 0x7f) | 0x80
      low >>>= 7
    }
    buffer[at++] = low
    this.length = at
  }

  /** `n` must be a signed 32-bit integer. */
  writeInt(n: number): void {
    this.ensure(5)
    const { buffer } = this
    let at = this.length
    let rest = ((n << 1) ^ (n >> 31)) >>> 0
    while (rest > 0x7f) {
      buffer[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    buffer[at++] = rest
    this.length = at
  }

  writeBoolean(value: boolean): void {
    this.ensure(1)
    this.buffer[this.length++] = value ? 1 : 0
  }

  writeDouble(value: number): void {
    this.ensure(8)
    this.length = this.buffer.writeDoubleLE(value, this.length)
  }

  /** A double that stands big-endian at `start` of `source`, as Postgres sends it: eight bytes turned round. */
  writeDoubleFromBigEndian(source: Uint8Array, start: number): void {
    this.ensure(8)
    const { buffer, length } = this
    for (let i = 0; i < 8; i++) buffer[length + i] = source[start + 7 - i]!
    this.length = length + 8
  }

  /** `bytes` or, when the range is valid UTF-8, `string`: length and content. */
  writeBytes(source: Uint8Array, start: number, end: number): void {
    this.writeInt(end - start)
    this.writeRaw(source, start, end)
  }

  /** The range as it is, without a length: fixed values and values that are encoded already. */
  writeRaw(source: Uint8Array, start: number, end: number): void {
    const size = end - start
    this.ensure(size)
    const { buffer } = this
    let at = this.length
    this.length = at + size
    if (size > copyByLoopMax) buffer.set(source.subarray(start, end), at)
    else for (let i = start; i < end; i++) buffer[at++] = source[i]!
  }

  /** Lone surrogates become U+FFFD, as in every UTF-8 encoder; text of unknown origin comes as bytes. */
  writeString(text: string): void {
    const size = Buffer.byteLength(text)
    this.writeInt(size)
    this.ensure(size)
    this.length += this.buffer.write(text, this.length, 'utf8')
  }

  /** Branch 0 of `["null", T]`. */
  writeNull(): void {
    this.ensure(1)
    this.buffer[this.length++] = 0
  }

  /** Branch 1 of `["null", T]`; the value follows. */
  writeSome(): void {
    this.ensure(1)
    this.buffer[this.length++] = 2
  }

  /** A copy of what was written, which stays valid after `reset`. */
  take(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.length))
  }
}

/** Up to this size a loop beats the call into the engine's copy (measured; see loadtest/transform-cpu.ts). */
const copyByLoopMax = 64
