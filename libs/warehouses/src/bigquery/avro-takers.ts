import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import type { AvroReader } from '@millrace/domain/wire/avro-reader.ts'
import type { ChangeSink } from '../change-sink.ts'
import { tagOf } from '../text-tag.ts'
import { malformed } from './row-encoder.ts'
import { decodes, type TypeRuleName, typeRules } from './types.ts'

type Take = (reader: AvroReader) => boolean

/** A canonical encoder that one huge row has blown up is let go after it. */
const keptBytesMax = 4 * 1024 * 1024

/** Every row is an insert: its bytes are handed over as they came, only its id is made. `identity`: positions; none = all. */
export function avroInsertTaker(rules: readonly TypeRuleName[], identity: readonly number[], sink: ChangeSink): Take {
  const row = new AvroRow(kindsOf(rules))
  const tags = rules.map((rule) => tagOf(typeRules[rule].column))
  const wholeRow = identity.length === 0
  const named = wholeRow ? rules.map((_, i) => i) : identity
  const rowId = Buffer.allocUnsafeSlow(32)
  let canonical = new CanonicalEncoder()
  return (reader) => {
    const start = reader.offset
    row.walk(reader)
    const end = reader.offset
    canonical.reset()
    for (let k = 0; k < named.length; k++) row.addTo(canonical, named[k]!, tags[named[k]!]!, reader)
    canonical.digestInto(rowId, 0, wholeRow)
    reader.offset = end
    if (end - start > keptBytesMax) canonical = new CanonicalEncoder()
    return sink.insert(rowId, reader.buffer, start, end)
  }
}

/** Rows are changes: op, row id, the new row, the old values that are wanted. */
export function avroChangeTaker(
  rules: readonly TypeRuleName[],
  beforeRules: readonly TypeRuleName[],
  sink: ChangeSink,
): Take {
  const row = new AvroRow([decodes.text, decodes.bytes, ...kindsOf(rules), ...kindsOf(beforeRules)])
  const rowId = Buffer.allocUnsafeSlow(32)
  const behindRow = 2 + rules.length
  return (reader) => {
    row.walk(reader)
    const { buffer } = reader
    const [opStart, opEnd, idStart, idEnd] = [row.starts[0]!, row.ends[0]!, row.starts[1]!, row.ends[1]!]
    if (opStart < 0 || idStart < 0 || idEnd - idStart !== 32) throw malformed()
    buffer.copy(rowId, 0, idStart, idEnd)
    const op = buffer.toString('latin1', opStart, opEnd)
    if (op !== 'insert' && op !== 'update' && op !== 'delete') throw malformed()
    const start = row.fields[2]!
    const end = row.fields[behindRow]!
    const before = op === 'insert' ? null : buffer.subarray(end, reader.offset)
    if (op === 'delete') return sink.change(op, rowId, null, 0, 0, before)
    return sink.change(op, rowId, buffer, start, end, before)
  }
}

/** Where the columns of one row stand in the bytes. One object serves all rows. */
class AvroRow {
  readonly #kinds: Uint8Array
  /** Of each column's branch, and the end of the row. */
  readonly fields: Int32Array
  /** Of each value, behind its length; -1 = NULL. */
  readonly starts: Int32Array
  readonly ends: Int32Array

  constructor(kinds: readonly number[]) {
    this.#kinds = Uint8Array.from(kinds)
    this.fields = new Int32Array(kinds.length + 1)
    this.starts = new Int32Array(kinds.length)
    this.ends = new Int32Array(kinds.length)
  }

  /** Leaves the reader behind the row. Throws `AvroError` where the bytes are no such row. */
  walk(reader: AvroReader): void {
    const kinds = this.#kinds
    const { fields, starts, ends } = this
    for (let i = 0; i < kinds.length; i++) {
      fields[i] = reader.offset
      if (!reader.readSome()) {
        starts[i] = -1
        continue
      }
      starts[i] = reader.offset
      switch (kinds[i]) {
        case decodes.boolean:
          reader.skipBoolean()
          break
        case decodes.double:
          reader.skipDouble()
          break
        case decodes.text:
        case decodes.bytes:
          reader.readBytes()
          starts[i] = reader.start
          break
        default:
          reader.skipLong()
      }
      ends[i] = reader.offset
    }
    fields[kinds.length] = reader.offset
  }

  /** Adds a column to an identity; the reader is moved. */
  addTo(canonical: CanonicalEncoder, i: number, tag: 's' | 'j' | 'm' | 'b', reader: AvroReader): void {
    const start = this.starts[i]!
    if (start < 0) {
      canonical.addNull()
      return
    }
    reader.offset = start
    switch (this.#kinds[i]) {
      case decodes.boolean:
        canonical.addBoolean(reader.readBoolean())
        return
      case decodes.integer:
        reader.readLongHalves()
        canonical.addIntegerHiLo(reader.hi, reader.lo)
        return
      case decodes.timestamp:
        reader.readLongHalves()
        canonical.addTimestampHiLo(reader.hi, reader.lo)
        return
      case decodes.date:
        canonical.addDate(reader.readInt())
        return
      case decodes.double:
        canonical.addDouble(reader.readDouble())
        return
      default:
        canonical.addBytes(tag, reader.buffer, start, this.ends[i]!)
    }
  }
}

function kindsOf(rules: readonly TypeRuleName[]): number[] {
  return rules.map((rule) => typeRules[rule].decode)
}
