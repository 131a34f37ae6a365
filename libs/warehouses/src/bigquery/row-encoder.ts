import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import { lengthBytes } from '../length-bytes.ts'
import { doubleOf, integerOf } from '../number-of-text.ts'
import { tagOf } from '../text-tag.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { decodes, type TypeRuleName, typeRules } from './types.ts'

/** Buffers that one huge row has blown up are let go after it. */
const keptBytesMax = 4 * 1024 * 1024

/** A row as `tabledata.list` has it. */
export type ApiRow = { readonly f: readonly { readonly v: string | null }[] }

/**
 * Turns one row of the REST API into the Avro bytes of a Row and the row's id. One object serves all rows; nothing is
 * allocated beyond what parsing the page has made.
 *
 *   row   = { f: [ value* ] }
 *   value = { v: null } | { v: text }        integers, doubles and booleans as text, bytes as base64
 */
export class RowEncoder {
  readonly #kinds: Uint8Array
  readonly #tags: readonly ('s' | 'j' | 'm' | 'b')[]
  /** Columns of the identity in their order; all of them for a whole row. */
  readonly #identity: Int32Array
  readonly #wholeRow: boolean
  readonly #hasId: boolean
  /** Where the text of a value stands in the Avro bytes. */
  readonly #starts: Int32Array
  #canonical = new CanonicalEncoder()
  /** The Row of the last `encode`, from 0 to `writer.length`. */
  writer = new AvroWriter()
  /** Its id. */
  readonly rowId = Buffer.allocUnsafeSlow(32)
  readonly #ends: Int32Array

  /** The row's columns among those of the answer. */
  readonly #first: number
  readonly #total: number

  /**
   * `identity`: positions of the columns that make the row's id; empty = the whole row. `place`: the row is a part of what
   * is answered, and its id another one; then `rowId` is left alone.
   */
  constructor(
    rules: readonly TypeRuleName[],
    identity: readonly number[],
    place: { readonly first: number; readonly total: number } | null = null,
  ) {
    this.#first = place?.first ?? 0
    this.#total = place?.total ?? rules.length
    this.#hasId = place === null
    this.#kinds = Uint8Array.from(rules, (rule) => typeRules[rule].decode)
    this.#tags = rules.map((rule) => tagOf(typeRules[rule].column))
    this.#wholeRow = identity.length === 0
    this.#identity = Int32Array.from(this.#wholeRow ? rules.map((_, i) => i) : identity)
    this.#starts = new Int32Array(rules.length)
    this.#ends = new Int32Array(rules.length)
  }

  /** Throws `WarehouseError` `protocol_error` on anything but the columns asked for. */
  encode({ f: fields }: ApiRow): void {
    const kinds = this.#kinds
    const { writer } = this
    writer.reset()
    if (fields.length !== this.#total) throw malformed()
    const first = this.#first
    for (let i = 0; i < kinds.length; i++) {
      const value = fields[first + i]!.v
      if (value === null) {
        writer.writeNull()
        continue
      }
      if (typeof value !== 'string') throw malformed()
      writer.writeSome()
      this.#write(i, kinds[i]!, value)
    }
    if (this.#hasId) this.#identify(fields)
    if (writer.length > keptBytesMax) this.#canonical = new CanonicalEncoder()
  }

  /** Lets go of memory that only a huge row needed. */
  shrink(): void {
    if (this.writer.buffer.length > keptBytesMax) this.writer = new AvroWriter()
  }

  #write(i: number, kind: number, value: string): void {
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
        this.#starts[i] = writer.length - bytes.length
        break
      }
      default: {
        const before = writer.length
        writer.writeString(value)
        this.#starts[i] = before + lengthBytes(writer.length - before)
      }
    }
    this.#ends[i] = writer.length
  }

  /** The canonical encoding (libs/domain/src/identity/canonical.ts) of the identity, hashed. */
  #identify(fields: ApiRow['f']): void {
    const canonical = this.#canonical
    const identity = this.#identity
    canonical.reset()
    for (let k = 0; k < identity.length; k++) {
      const i = identity[k]!
      const value = fields[i]!.v
      if (value === null) canonical.addNull()
      else this.#add(i, this.#kinds[i]!, value)
    }
    canonical.digestInto(this.rowId, 0, this.#wholeRow)
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
      default:
        canonical.addBytes(this.#tags[i]!, this.writer.buffer, this.#starts[i]!, this.#ends[i]!)
    }
  }
}

export function malformed(): WarehouseError {
  return new WarehouseError(
    'protocol_error',
    'BigQuery sent a row that is not in the form that was asked for.',
    'If it happens again, report it with the log of the extractor.',
  )
}
