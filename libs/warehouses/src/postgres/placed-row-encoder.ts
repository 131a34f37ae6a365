import { WarehouseError } from '../warehouse-error.ts'
import { placeBytes } from './mirror-statements.ts'
import type { RowEncoder } from './row-encoder.ts'

const placeAt = 2 + 4

/** Encodes DataRows whose first field is the place of the row; the others are the row's. */
export class PlacedRowEncoder {
  readonly #row: RowEncoder
  /** Of the last row. */
  readonly place = Buffer.alloc(placeBytes)

  constructor(row: RowEncoder) {
    this.#row = row
  }

  get writer() {
    return this.#row.writer
  }

  get rowId() {
    return this.#row.rowId
  }

  encode(source: Buffer, at: number, end: number): void {
    const rest = at + placeAt + placeBytes
    if (rest > end || source.readInt32BE(at + 2) !== placeBytes)
      throw new WarehouseError('protocol_error', 'The server sent a row without its place.', 'Try again.')
    source.copy(this.place, 0, at + placeAt, rest)
    // The count of the remaining fields goes where the place ended: what follows is a DataRow again, without a copy.
    source.writeUInt16BE(source.readUInt16BE(at) - 1, rest - 2)
    this.#row.encode(source, rest - 2, end)
  }

  shrink(): void {
    this.#row.shrink()
  }
}
