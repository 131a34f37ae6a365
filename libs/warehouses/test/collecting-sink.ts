import type { Column, RowSchema } from '@millrace/domain/row-schema.ts'
import { AvroReader } from '@millrace/domain/wire/avro-reader.ts'
import type { ChangeOp } from '@millrace/domain/words.ts'
import type { ChangeSink } from '@millrace/warehouses/change-sink.ts'

export type Value = null | boolean | bigint | number | string | Buffer
export type Row = { readonly id: string; readonly values: readonly Value[] }
export type CollectedChange = {
  readonly op: ChangeOp
  readonly id: string
  readonly values: readonly Value[] | null
  readonly before: readonly Value[] | null
}

/** Keeps the rows that it is handed, decoded; asks for a pause after every `pauseEvery` rows. */
export class CollectingSink implements ChangeSink {
  readonly rows: Row[] = []
  readonly changes: CollectedChange[] = []
  pauses = 0
  readonly #schema: RowSchema
  readonly #before: readonly Column[]
  readonly #pauseEvery: number

  constructor(schema: RowSchema, pauseEvery = Number.POSITIVE_INFINITY, before: readonly Column[] = []) {
    this.#schema = schema
    this.#before = before
    this.#pauseEvery = pauseEvery
  }

  insert(rowId: Buffer, row: Buffer, rowStart: number, rowEnd: number): boolean {
    const copy = Buffer.from(row.subarray(rowStart, rowEnd))
    this.rows.push({ id: rowId.toString('hex'), values: decode(this.#schema.columns, copy) })
    return this.rows.length % this.#pauseEvery !== 0
  }

  change(
    op: ChangeOp,
    rowId: Buffer,
    row: Buffer | null,
    rowStart: number,
    rowEnd: number,
    before: Uint8Array | null,
  ): boolean {
    const copy = row === null ? null : Buffer.from(row.subarray(rowStart, rowEnd))
    this.changes.push({
      op,
      id: rowId.toString('hex'),
      values: copy && decode(this.#schema.columns, copy),
      before: before && decode(this.#before, Buffer.from(before)),
    })
    return this.changes.length % this.#pauseEvery !== 0
  }

  async drained(): Promise<void> {
    this.pauses++
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function decode(columns: readonly Column[], bytes: Buffer): readonly Value[] {
  const reader = new AvroReader(bytes, 0)
  return columns.map(({ type }) => (reader.readSome() ? decodeValue(reader, type, bytes) : null))
}

function decodeValue(reader: AvroReader, type: string, bytes: Buffer): Value {
  switch (type) {
    case 'boolean':
      return reader.readBoolean()
    case 'double':
      return reader.readDouble()
    case 'date':
      return reader.readInt()
    case 'integer':
    case 'timestamp':
      reader.readLongHalves()
      return (BigInt(reader.hi) << 32n) | BigInt(reader.lo >>> 0)
    default: {
      reader.readBytes()
      const content = bytes.subarray(reader.start, reader.stop)
      return type === 'bytes' ? Buffer.from(content) : content.toString('utf8')
    }
  }
}
