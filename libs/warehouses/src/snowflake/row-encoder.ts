import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import { lengthBytes } from '../length-bytes.ts'
import { doubleOf, integerOf } from '../number-of-text.ts'
import { tagOf } from '../text-tag.ts'
import { notUnderstood } from './client.ts'
import { decodes, type TypeRuleName, typeRules } from './types.ts'

/** Buffers that one huge row has blown up are let go after it. */
const keptBytesMax = 4 * 1024 * 1024

/** A row as the SDK gives it: all values are text. */
export type SdkRow = readonly (string | null)[]

/**
 * Turns values of a row into the Avro bytes of a Row, and computes row ids. One object serves all rows; nothing is allocated per
 * row beyond what the SDK has made, but for integers of more than 15 digits and bytes.
 */
export class RowEncoder {
  readonly #kinds: Uint8Array
  readonly #tags: readonly ('s' | 'j' | 'm' | 'b')[]
  /** The row's columns begin here in what the SDK gives. */
  readonly #first: number
  /** Columns of the identity in their order; all of them for a whole row. */
  readonly #identity: Int32Array
  readonly #wholeRow: boolean
  #text = new AvroWriter()
  #canonical = new CanonicalEncoder()
  /** The Row of the last `encode`, from 0 to `writer.length`. */
  writer = new AvroWriter()
  /** The id of the last `identify` or `identifyBy`. */
  readonly rowId = Buffer.allocUnsafeSlow(32)

  /** `identity`: positions of the columns that make the row's id; empty = the whole row. */
  constructor(rules: readonly TypeRuleName[], identity: readonly number[], first: number) {
    this.#kinds = Uint8Array.from(rules, (rule) => typeRules[rule].decode)
    this.#tags = rules.map((rule) => tagOf(typeRules[rule].column))
    this.#first = first
    this.#wholeRow = identity.length === 0
    this.#identity = Int32Array.from(this.#wholeRow ? rules.map((_, i) => i) : identity)
  }

  /** Throws `WarehouseError` `protocol_error` on anything but the columns asked for. */
  encode(row: SdkRow): void {
    const kinds = this.#kinds
    const first = this.#first
    const { writer } = this
    writer.reset()
    for (let i = 0; i < kinds.length; i++) {
      const value = row[first + i]
      if (value === null) writer.writeNull()
      else if (typeof value === 'string') {
        writer.writeSome()
        this.#write(kinds[i]!, value)
      } else throw notUnderstood('a row that is not in the form that was asked for')
    }
  }

  /** The id from the identity's columns: the canonical encoding (libs/domain/src/identity/canonical.ts), hashed. */
  identify(row: SdkRow): void {
    const canonical = this.#canonical
    const identity = this.#identity
    const first = this.#first
    canonical.reset()
    for (let k = 0; k < identity.length; k++) {
      const i = identity[k]!
      const value = row[first + i]
      if (value === null || value === undefined) canonical.addNull()
      else this.#add(i, this.#kinds[i]!, value)
    }
    canonical.digestInto(this.rowId, 0, this.#wholeRow)
  }

  /** The id from a text that names the row: METADATA$ROW_ID. */
  identifyBy(text: string): void {
    this.#canonical.reset()
    this.#addText('s', text)
    this.#canonical.digestInto(this.rowId, 0, false)
  }

  /** Lets go of memory that only a huge row needed. */
  shrink(): void {
    if (this.writer.buffer.length > keptBytesMax) this.writer = new AvroWriter()
    if (this.#text.buffer.length <= keptBytesMax) return
    this.#text = new AvroWriter()
    this.#canonical = new CanonicalEncoder()
  }

  #write(kind: number, value: string): void {
    const { writer } = this
    switch (kind) {
      case decodes.boolean:
        writer.writeBoolean(value === 'true')
        return
      case decodes.integer:
      case decodes.timestamp:
        writer.writeLong(integerOf(value))
        return
      case decodes.date:
        writer.writeInt(Number(value))
        return
      case decodes.double:
        writer.writeDouble(doubleOf(value))
        return
      case decodes.bytes: {
        const bytes = Buffer.from(value, 'base64')
        writer.writeBytes(bytes, 0, bytes.length)
        return
      }
      default:
        writer.writeString(value)
    }
  }

  #add(i: number, kind: number, value: string): void {
    const canonical = this.#canonical
    switch (kind) {
      case decodes.boolean:
        canonical.addBoolean(value === 'true')
        return
      case decodes.integer:
        canonical.addInteger(integerOf(value))
        return
      case decodes.timestamp:
        canonical.addTimestamp(integerOf(value))
        return
      case decodes.date:
        canonical.addDate(Number(value))
        return
      case decodes.double:
        canonical.addDouble(doubleOf(value))
        return
      case decodes.bytes: {
        const bytes = Buffer.from(value, 'base64')
        canonical.addBytes('b', bytes, 0, bytes.length)
        return
      }
      default:
        this.#addText(this.#tags[i]!, value)
    }
  }

  #addText(tag: 's' | 'j' | 'm' | 'b', value: string): void {
    const text = this.#text
    text.reset()
    text.writeString(value)
    const head = lengthBytes(text.length)
    this.#canonical.addBytes(tag, text.buffer, head, text.length)
  }
}
