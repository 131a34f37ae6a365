import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import type { Column, ColumnType } from '@millrace/domain/row-schema.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import type { ChangeSink } from './change-sink.ts'

/**
 * A value by the type of its column, for warehouses whose drivers give JavaScript's values: boolean; integer and timestamp
 * (microseconds since 1970) bigint; double number; date number of days since 1970, or bigint; bytes Uint8Array; the rest text.
 */
export type Value = boolean | number | bigint | string | Uint8Array | null

/** Encodes rows of values and their ids for a sink. Drivers that give bytes are read faster by an encoder of their own. */
export class RowOfValues {
  readonly #columns: readonly Column[]
  /** Positions of the identity's columns; all of them for a whole row. */
  readonly #identity: readonly number[]
  readonly #isWholeRow: boolean
  readonly #writer = new AvroWriter()
  readonly #canonical = new CanonicalEncoder()
  readonly #rowId = Buffer.allocUnsafeSlow(32)

  /** `identity`: names of the columns that make the row's id; empty = the whole row. */
  constructor(columns: readonly Column[], identity: readonly string[]) {
    this.#columns = columns
    this.#isWholeRow = identity.length === 0
    const names = this.#isWholeRow ? columns.map(({ name }) => name) : identity
    this.#identity = names.map((name) => columns.findIndex((column) => column.name === name))
  }

  /** The row's id: 32 bytes, until the next call. */
  idOf(values: readonly Value[]): Buffer {
    this.#canonical.reset()
    for (const i of this.#identity) this.#add(this.#columns[i]!.type, values[i] ?? null)
    this.#canonical.digestInto(this.#rowId, 0, this.#isWholeRow)
    return this.#rowId
  }

  /** Hands an insert of the row over; false when the sink must be awaited before the next one. */
  insertInto(sink: ChangeSink, values: readonly Value[]): boolean {
    this.idOf(values)
    this.#writer.reset()
    for (let i = 0; i < this.#columns.length; i++) this.#write(this.#columns[i]!.type, values[i] ?? null)
    return sink.insert(this.#rowId, this.#writer.buffer, 0, this.#writer.length)
  }

  #write(type: ColumnType, value: Value): void {
    const writer = this.#writer
    if (value === null) writer.writeNull()
    else {
      writer.writeSome()
      if (type === 'boolean') writer.writeBoolean(value as boolean)
      else if (type === 'integer' || type === 'timestamp') writer.writeLong(value as bigint)
      else if (type === 'date') writer.writeInt(Number(value))
      else if (type === 'double') writer.writeDouble(value as number)
      else if (type === 'bytes') writer.writeBytes(value as Uint8Array, 0, (value as Uint8Array).length)
      else writer.writeString(value as string)
    }
  }

  #add(type: ColumnType, value: Value): void {
    const canonical = this.#canonical
    if (value === null) canonical.addNull()
    else if (type === 'boolean') canonical.addBoolean(value as boolean)
    else if (type === 'integer') canonical.addInteger(value as bigint)
    else if (type === 'timestamp') canonical.addTimestamp(value as bigint)
    else if (type === 'date') canonical.addDate(Number(value))
    else if (type === 'double') canonical.addDouble(value as number)
    else {
      const bytes = typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array)
      canonical.addBytes(tags[type], bytes, 0, bytes.length)
    }
  }
}

const tags = { string: 's', json: 'j', decimal: 'm', bytes: 'b' } as const
