import { isUtf8 } from 'node:buffer'
import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import { doubleOf } from '../number-of-text.ts'
import { tagOf } from '../text-tag.ts'
import { malformed, type RowLines } from './row-lines.ts'
import { nullMark } from './statements.ts'
import { decodes, type TypeRuleName, typeRules } from './types.ts'

/** Buffers that one huge row has blown up are let go after it. */
const keptBytesMax = 4 * 1024 * 1024
const mark = nullMark.charCodeAt(0)
const minus = 45
const zero = 48

/**
 * Turns fields of an unloaded row into the Avro bytes of a Row and the row's id. One object serves all rows; nothing is
 * allocated per row but for doubles and integers of more than 16 digits.
 *
 *   field = ''                          NULL
 *         | '~' text                    a text that is empty or begins with ~
 *         | text | digits | 't' | 'f'
 */
export class RowEncoder {
  readonly #kinds: Uint8Array
  readonly #tags: readonly ('s' | 'j' | 'm' | 'b')[]
  /** Columns of the identity in their order; all of them for a whole row. */
  readonly #identity: Int32Array
  readonly #wholeRow: boolean
  #canonical = new CanonicalEncoder()
  /** The Row of the last `encode`, from 0 to `writer.length`. */
  writer = new AvroWriter()
  /** Its id. */
  readonly rowId = Buffer.allocUnsafeSlow(32)

  /** `identity`: positions of the columns that make the row's id; empty = the whole row. */
  constructor(rules: readonly TypeRuleName[], identity: readonly number[]) {
    this.#kinds = Uint8Array.from(rules, (rule) => typeRules[rule].decode)
    this.#tags = rules.map((rule) => tagOf(typeRules[rule].column))
    this.#wholeRow = identity.length === 0
    this.#identity = Int32Array.from(this.#wholeRow ? rules.map((_, i) => i) : identity)
  }

  /** The fields from `first` on. Throws `WarehouseError` `protocol_error` on values of another form. */
  encode(lines: RowLines, first: number): void {
    const { writer } = this
    const { starts, ends } = lines
    const kinds = this.#kinds
    writer.reset()
    for (let i = 0; i < kinds.length; i++) {
      const start = starts[first + i]!
      const end = ends[first + i]!
      if (start === end) writer.writeNull()
      else {
        writer.writeSome()
        this.#write(kinds[i]!, lines, start, end)
      }
    }
  }

  /** The id from the identity's fields: the canonical encoding (libs/domain/src/identity/canonical.ts), hashed. */
  identify(lines: RowLines, first: number): void {
    const { starts, ends } = lines
    const canonical = this.#canonical
    const identity = this.#identity
    canonical.reset()
    for (let k = 0; k < identity.length; k++) {
      const i = identity[k]!
      const start = starts[first + i]!
      const end = ends[first + i]!
      if (start === end) canonical.addNull()
      else this.#add(i, lines, start, end)
    }
    canonical.digestInto(this.rowId, 0, this.#wholeRow)
  }

  /** The id from the checksum that Redshift has computed: 64 hexadecimal digits. */
  takeHash({ buffer, starts, ends }: RowLines, field: number): void {
    const start = starts[field]!
    if (ends[field]! - start !== 64) throw malformed('a checksum of another length')
    for (let i = 0; i < 32; i++)
      this.rowId[i] = (digitOf(buffer[start + 2 * i]!) << 4) | digitOf(buffer[start + 2 * i + 1]!)
  }

  /** Lets go of memory that only a huge row needed. */
  shrink(): void {
    if (this.writer.buffer.length <= keptBytesMax) return
    this.writer = new AvroWriter()
    this.#canonical = new CanonicalEncoder()
  }

  #write(kind: number, lines: RowLines, start: number, end: number): void {
    const { writer } = this
    const { buffer } = lines
    switch (kind) {
      case decodes.boolean:
        writer.writeBoolean(buffer[start] === 116)
        return
      case decodes.integer:
      case decodes.timestamp:
        writer.writeLong(integerOf(buffer, start, end))
        return
      case decodes.date:
        writer.writeInt(Number(integerOf(buffer, start, end)))
        return
      case decodes.double:
        writer.writeDouble(doubleOf(buffer.toString('latin1', start, end)))
        return
      default: {
        const from = buffer[start] === mark ? start + 1 : start
        if (lines.isWide && !isUtf8(buffer.subarray(from, end))) writer.writeString(buffer.toString('utf8', from, end))
        else writer.writeBytes(buffer, from, end)
      }
    }
  }

  #add(i: number, { buffer }: RowLines, start: number, end: number): void {
    const canonical = this.#canonical
    switch (this.#kinds[i]) {
      case decodes.boolean:
        canonical.addBoolean(buffer[start] === 116)
        return
      case decodes.integer:
        canonical.addInteger(integerOf(buffer, start, end))
        return
      case decodes.timestamp:
        canonical.addTimestamp(integerOf(buffer, start, end))
        return
      case decodes.date:
        canonical.addDate(Number(integerOf(buffer, start, end)))
        return
      case decodes.double:
        canonical.addDouble(doubleOf(buffer.toString('latin1', start, end)))
        return
      default:
        canonical.addBytes(this.#tags[i]!, buffer, buffer[start] === mark ? start + 1 : start, end)
    }
  }
}

function integerOf(buffer: Buffer, start: number, end: number): number | bigint {
  const negative = buffer[start] === minus
  let at = negative ? start + 1 : start
  if (at === end) throw malformed('a number without digits')
  if (end - at > 18) return BigInt(buffer.toString('latin1', start, end))
  let value = 0
  const first = at
  for (; at < end; at++) {
    const digit = buffer[at]! - zero
    if (digit < 0 || digit > 9) throw malformed('a number that holds something else')
    value = value * 10 + digit
  }
  // Beyond 2^53 the sum above is not exact.
  if (end - first > 15 && !Number.isSafeInteger(value)) return BigInt(buffer.toString('latin1', start, end))
  return negative && value !== 0 ? -value : value
}

function digitOf(byte: number): number {
  if (byte >= zero && byte <= 57) return byte - zero
  const letter = byte | 32
  if (letter >= 97 && letter <= 102) return letter - 87
  throw malformed('a checksum that is not hexadecimal')
}
