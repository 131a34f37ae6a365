import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import type { ColumnType } from '@millrace/domain/row-schema.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { type TypeRuleName, typeRules } from './types.ts'

/** A row as the driver gives it: texts by the names of the columns of the statement. */
export type TextRow = Readonly<Record<string, string | null>>

/** Buffers that one huge row has blown up are let go after it. */
const keptBytesMax = 4 * 1024 * 1024

/** Turns the texts of a row into the Avro bytes of a Row and the row's id. One object serves all rows of a statement. */
export class RowEncoder {
  readonly #types: readonly ColumnType[]
  readonly #names: readonly string[]
  readonly #isIdentity: readonly boolean[]
  /** Positions of the key, in its order; empty = the whole row. */
  readonly #identity: readonly number[]
  #canonical = new CanonicalEncoder()
  /** The Row of the last `encode`, from 0 to `writer.length`. */
  writer = new AvroWriter()
  #scratch = new AvroWriter()
  /** Its id. */
  readonly rowId = Buffer.allocUnsafeSlow(32)

  /** `prefix`: of the names of the columns; `identity`: positions of the columns that make the row's id, empty = the whole row. */
  constructor(rules: readonly TypeRuleName[], identity: readonly number[], prefix = 'c') {
    this.#types = rules.map((rule) => typeRules[rule].column)
    this.#names = rules.map((_, i) => `${prefix}${i}`)
    this.#identity = identity
    this.#isIdentity = rules.map(() => identity.length === 0)
  }

  /** Throws `WarehouseError` `protocol_error` on values of another form. */
  encode(row: TextRow): void {
    const { writer } = this
    writer.reset()
    for (let i = 0; i < this.#types.length; i++) {
      const text = row[this.#names[i]!]
      if (text === null || text === undefined) writer.writeNull()
      else {
        writer.writeSome()
        write(writer, this.#types[i]!, text)
      }
    }
  }

  /** The id: the canonical encoding (libs/domain/src/identity/canonical.ts) of the identity's values, hashed. */
  identify(row: TextRow): void {
    const canonical = this.#canonical
    canonical.reset()
    if (this.#identity.length > 0) for (const i of this.#identity) this.#add(i, row)
    else for (let i = 0; i < this.#isIdentity.length; i++) this.#add(i, row)
    canonical.digestInto(this.rowId, 0, this.#identity.length === 0)
  }

  /** The id from the checksum that Databricks has computed: 64 hexadecimal digits. */
  takeHash(hash: string | null | undefined): void {
    if (hash?.length !== 64 || this.rowId.write(hash, 'hex') !== 32) throw malformed('a checksum')
  }

  /** Lets go of memory that only a huge row needed. */
  shrink(): void {
    if (this.writer.buffer.length <= keptBytesMax) return
    this.writer = new AvroWriter()
    this.#scratch = new AvroWriter()
    this.#canonical = new CanonicalEncoder()
  }

  #add(i: number, row: TextRow): void {
    const canonical = this.#canonical
    const text = row[this.#names[i]!]
    if (text === null || text === undefined) {
      canonical.addNull()
      return
    }
    switch (this.#types[i]!) {
      case 'boolean':
        canonical.addBoolean(text === 'true')
        return
      case 'integer':
        canonical.addInteger(integerOf(text))
        return
      case 'timestamp':
        canonical.addTimestamp(integerOf(text))
        return
      case 'date':
        canonical.addDate(Number(integerOf(text)))
        return
      case 'double':
        canonical.addDouble(doubleOf(text))
        return
      case 'bytes': {
        const bytes = bytesOf(text)
        canonical.addBytes('b', bytes, 0, bytes.length)
        return
      }
      default:
        this.#addText(this.#types[i]!, text)
        return
    }
  }

  #addText(type: ColumnType, text: string): void {
    const scratch = this.#scratch
    const size = Buffer.byteLength(text)
    scratch.reset()
    scratch.writeString(text)
    const tag = type === 'json' ? 'j' : type === 'decimal' ? 'm' : 's'
    this.#canonical.addBytes(tag, scratch.buffer, scratch.length - size, scratch.length)
  }
}

function write(writer: AvroWriter, type: ColumnType, text: string): void {
  switch (type) {
    case 'boolean':
      writer.writeBoolean(text === 'true')
      return
    case 'integer':
    case 'timestamp':
      writer.writeLong(integerOf(text))
      return
    case 'date':
      writer.writeInt(Number(integerOf(text)))
      return
    case 'double':
      writer.writeDouble(doubleOf(text))
      return
    case 'bytes': {
      const bytes = bytesOf(text)
      writer.writeBytes(bytes, 0, bytes.length)
      return
    }
    default:
      writer.writeString(text)
      return
  }
}

function integerOf(text: string): number | bigint {
  const value = Number(text)
  if (Number.isSafeInteger(value) && text !== '') return value === 0 ? 0 : value
  if (!/^-?[0-9]{1,19}$/.test(text)) throw malformed('a number')
  return BigInt(text)
}

/** `NaN`, `Infinity`, `1.0E10`: JavaScript reads Java's texts. */
function doubleOf(text: string): number {
  const value = Number(text)
  if (Number.isNaN(value) && text !== 'NaN') throw malformed('a double')
  return value
}

function bytesOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'hex')
  if (bytes.length * 2 !== text.length) throw malformed('bytes')
  return bytes
}

export function malformed(what: string): WarehouseError {
  return new WarehouseError(
    'protocol_error',
    `Databricks sent ${what} in a form that Millrace does not know.`,
    'Tell the maintainers; the run is tried again.',
  )
}
