import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { numericTextMax, writeNumeric } from './numeric-text.ts'
import { decodes, type TypeRuleName, typeRules } from './types.ts'

/** Buffers that one huge row has blown up are let go after it. */
const keptBytesMax = 4 * 1024 * 1024
/** 2000-01-01T00:00:00Z in microseconds since 1970, as two halves; Postgres counts from there. */
const epochMicrosHigh = 220_417
const epochMicrosLow = 946_684_800_000_000 - epochMicrosHigh * 4_294_967_296
const epochDays = 10_957
const hex = Buffer.from('0123456789abcdef')

/**
 * Turns one DataRow of Postgres into the Avro bytes of a Row and the row's id. One object serves all rows; per row and
 * column nothing is allocated.
 *
 *   DataRow = int16(fields) field*
 *   field   = int32(-1)                NULL
 *           | int32(n) byte[n]         the type's binary form: https://www.postgresql.org/docs/18/protocol-overview.html#PROTOCOL-FORMAT-CODES
 */
export class RowEncoder {
  readonly #kinds: Uint8Array
  /** Columns of the identity in their order; all of them for a whole row. */
  readonly #identity: Int32Array
  readonly #wholeRow: boolean
  /** Where a value stands: in the source (fixed sizes) or in the Avro bytes (texts); -1 for NULL. */
  readonly #starts: Int32Array
  readonly #ends: Int32Array
  #canonical = new CanonicalEncoder()
  #scratch = Buffer.allocUnsafeSlow(256)
  /** The Row of the last `encode`, from 0 to `writer.length`. */
  writer = new AvroWriter()
  /** Its id. */
  readonly rowId = Buffer.allocUnsafeSlow(32)

  /** `identity`: positions of the columns that make the row's id; empty = the whole row. */
  constructor(rules: readonly TypeRuleName[], identity: readonly number[]) {
    this.#kinds = Uint8Array.from(rules, (rule) => typeRules[rule].decode)
    this.#wholeRow = identity.length === 0
    this.#identity = Int32Array.from(this.#wholeRow ? rules.map((_, i) => i) : identity)
    this.#starts = new Int32Array(rules.length)
    this.#ends = new Int32Array(rules.length)
  }

  /** Encodes the DataRow at [at, end). Throws `WarehouseError` `protocol_error` on anything but the columns asked for. */
  encode(source: Buffer, at: number, end: number): void {
    const kinds = this.#kinds
    const { writer } = this
    writer.reset()
    if (end - at < 2 || ((source[at]! << 8) | source[at + 1]!) !== kinds.length) throw malformed()
    at += 2
    for (let i = 0; i < kinds.length; i++) {
      if (at + 4 > end) throw malformed()
      const size = int32At(source, at)
      at += 4
      if (size < 0) {
        this.#starts[i] = -1
        writer.writeNull()
        continue
      }
      const next = at + size
      if (next > end) throw malformed()
      this.#starts[i] = at
      writer.writeSome()
      this.#writeField(i, kinds[i]!, source, at, next)
      at = next
    }
    if (at !== end) throw malformed()
    this.#identify(source)
  }

  /** Lets go of memory that only a huge row needed. */
  shrink(): void {
    if (this.writer.buffer.length <= keptBytesMax) return
    this.writer = new AvroWriter()
    this.#canonical = new CanonicalEncoder()
    this.#scratch = Buffer.allocUnsafeSlow(256)
  }

  #writeField(i: number, kind: number, source: Buffer, at: number, end: number): void {
    const { writer } = this
    switch (kind) {
      case decodes.boolean:
        if (end - at !== 1) throw malformed()
        writer.writeBoolean(source[at] !== 0)
        return
      case decodes.int2:
        if (end - at !== 2) throw malformed()
        writer.writeInt(int16At(source, at))
        return
      case decodes.int4:
        if (end - at !== 4) throw malformed()
        writer.writeInt(int32At(source, at))
        return
      case decodes.int8:
        if (end - at !== 8) throw malformed()
        writer.writeLongHiLo(int32At(source, at), int32At(source, at + 4) >>> 0)
        return
      case decodes.oid:
        if (end - at !== 4) throw malformed()
        writer.writeLongHiLo(0, int32At(source, at) >>> 0)
        return
      case decodes.float4:
        if (end - at !== 4) throw malformed()
        writer.writeDouble(realAsDouble(source.readFloatBE(at)))
        return
      case decodes.float8:
        if (end - at !== 8) throw malformed()
        writer.writeDoubleFromBigEndian(source, at)
        return
      case decodes.timestamp: {
        if (end - at !== 8) throw malformed()
        const high = int32At(source, at)
        const low = int32At(source, at + 4) >>> 0
        writer.writeLongHiLo(unixHigh(high, low), unixLow(high, low))
        return
      }
      case decodes.date:
        if (end - at !== 4) throw malformed()
        writer.writeInt(unixDays(int32At(source, at)))
        return
      case decodes.numeric:
        this.#writeScratch(i, this.#numericToScratch(source, at, end))
        return
      case decodes.uuid:
        if (end - at !== 16) throw malformed()
        this.#writeScratch(i, uuidText(this.#scratch, source, at))
        return
      case decodes.jsonb:
        if (source[at] !== 1) throw malformed()
        this.#writeText(i, source, at + 1, end)
        return
      default:
        this.#writeText(i, source, at, end)
    }
  }

  #writeText(i: number, source: Buffer, at: number, end: number): void {
    const { writer } = this
    writer.writeBytes(source, at, end)
    this.#ends[i] = writer.length
    this.#starts[i] = writer.length - (end - at)
  }

  #writeScratch(i: number, length: number): void {
    this.#writeText(i, this.#scratch, 0, length)
  }

  #numericToScratch(source: Buffer, at: number, end: number): number {
    if (end - at < 8) throw malformed()
    const room = numericTextMax(source, at)
    if (room > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(room)
    const length = writeNumeric(this.#scratch, 0, source, at, end)
    if (length < 0) throw malformed()
    return length
  }

  /** The canonical encoding (libs/domain/src/identity/canonical.ts) of the identity, hashed. */
  #identify(source: Buffer): void {
    const canonical = this.#canonical
    const identity = this.#identity
    canonical.reset()
    for (let k = 0; k < identity.length; k++) {
      const i = identity[k]!
      const at = this.#starts[i]!
      if (at < 0) canonical.addNull()
      else this.#addField(i, this.#kinds[i]!, source, at)
    }
    canonical.digestInto(this.rowId, 0, this.#wholeRow)
  }

  #addField(i: number, kind: number, source: Buffer, at: number): void {
    const canonical = this.#canonical
    switch (kind) {
      case decodes.boolean:
        canonical.addBoolean(source[at] !== 0)
        return
      case decodes.int2:
        canonical.addInteger(int16At(source, at))
        return
      case decodes.int4:
        canonical.addInteger(int32At(source, at))
        return
      case decodes.int8:
        canonical.addIntegerHiLo(int32At(source, at), int32At(source, at + 4) >>> 0)
        return
      case decodes.oid:
        canonical.addInteger(int32At(source, at) >>> 0)
        return
      case decodes.float4:
        canonical.addDouble(realAsDouble(source.readFloatBE(at)))
        return
      case decodes.float8:
        canonical.addDouble(source.readDoubleBE(at))
        return
      case decodes.timestamp: {
        const high = int32At(source, at)
        const low = int32At(source, at + 4) >>> 0
        canonical.addTimestampHiLo(unixHigh(high, low), unixLow(high, low))
        return
      }
      case decodes.date:
        canonical.addDate(unixDays(int32At(source, at)))
        return
      case decodes.numeric:
        canonical.addBytes('m', this.writer.buffer, at, this.#ends[i]!)
        return
      case decodes.json:
      case decodes.jsonb:
        canonical.addBytes('j', this.writer.buffer, at, this.#ends[i]!)
        return
      case decodes.bytes:
        canonical.addBytes('b', this.writer.buffer, at, this.#ends[i]!)
        return
      default:
        canonical.addBytes('s', this.writer.buffer, at, this.#ends[i]!)
    }
  }
}

function int16At(source: Buffer, at: number): number {
  return (((source[at]! << 8) | source[at + 1]!) << 16) >> 16
}

function int32At(source: Buffer, at: number): number {
  return (source[at]! << 24) | (source[at + 1]! << 16) | (source[at + 2]! << 8) | source[at + 3]!
}

/** High half of microseconds since 1970; the ends of time stay as they are, and what lies beyond 64 bits is infinity. */
function unixHigh(high: number, low: number): number {
  if (isEndOfTime(high, low)) return high
  return Math.min(highSum(high, low), 0x7fffffff)
}

function unixLow(high: number, low: number): number {
  if (isEndOfTime(high, low)) return low
  return highSum(high, low) > 0x7fffffff ? 0xffffffff : (low + epochMicrosLow) >>> 0
}

function highSum(high: number, low: number): number {
  return high + epochMicrosHigh + (low + epochMicrosLow >= 4_294_967_296 ? 1 : 0)
}

function isEndOfTime(high: number, low: number): boolean {
  return (high === 0x7fffffff && low === 0xffffffff) || (high === -0x80000000 && low === 0)
}

function unixDays(days: number): number {
  return days === 0x7fffffff || days === -0x80000000 ? days : days + epochDays
}

/** The double that the shortest decimal of a real names: 0.1 and not 0.10000000149011612. */
function realAsDouble(real: number): number {
  if (Math.floor(real) === real || !Number.isFinite(real)) return wholeReal(real)
  for (let scale = 10; scale <= 1e6; scale *= 10) {
    const rounded = Math.round(real * scale) / scale
    if (Math.fround(rounded) === real && Math.abs(rounded * scale) < 1e9) return rounded
  }
  return byPrecision(real)
}

function wholeReal(real: number): number {
  return !Number.isFinite(real) || Math.abs(real) < 16_777_216 ? real : byPrecision(real)
}

function byPrecision(real: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const rounded = Number(real.toPrecision(digits))
    if (Math.fround(rounded) === real) return rounded
  }
  return Number(real.toPrecision(9))
}

/** Writes the 36 characters of a uuid at 0 and returns their number. */
function uuidText(target: Buffer, source: Buffer, at: number): number {
  let to = 0
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) target[to++] = 45
    const byte = source[at + i]!
    target[to++] = hex[byte >> 4]!
    target[to++] = hex[byte & 15]!
  }
  return to
}

function malformed(): WarehouseError {
  return new WarehouseError(
    'protocol_error',
    'The server sent a row that is not in the form that was asked for.',
    'If a proxy or pooler stands between, connect to Postgres itself.',
  )
}
