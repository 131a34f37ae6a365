import { createReadStream } from 'node:fs'
import type { UpdateCursor } from '@millrace/domain/wire/update-batch.ts'

/**
 * A row in a spool:
 *
 *   row = rowId(32) batch(uint32) ordinal(double) length(uint32) byte[length]        numbers big endian
 */
export type SpooledRow = {
  /** As latin1 text of 32 characters. */
  readonly rowId: string
  /** Position of its batch among those of the attempt. */
  readonly batch: number
  readonly ordinal: number
  readonly line: Buffer
}

const rowIdBytes = 32
const headBytes = rowIdBytes + 4 + 8 + 4

/** What stands before the body of the row at the cursor. */
export function spoolHead(cursor: UpdateCursor, batch: number): Buffer {
  const head = Buffer.allocUnsafe(headBytes)
  cursor.buffer.copy(head, 0, cursor.rowIdStart, cursor.rowIdStart + rowIdBytes)
  head.writeUInt32BE(batch, rowIdBytes)
  head.writeDoubleBE(cursor.ordinal, rowIdBytes + 4)
  head.writeUInt32BE(cursor.bodyEnd - cursor.bodyStart, rowIdBytes + 12)
  return head
}

/** The rows of a spool's file in order; holds one piece of the file and one row. Throws when it ends within a row. */
export async function* spooledRows(file: string): AsyncGenerator<SpooledRow> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    let at = 0
    for (;;) {
      if (bytes.length - at < headBytes) break
      const end = at + headBytes + bytes.readUInt32BE(at + rowIdBytes + 12)
      if (end > bytes.length) break
      yield {
        rowId: bytes.toString('latin1', at, at + rowIdBytes),
        batch: bytes.readUInt32BE(at + rowIdBytes),
        ordinal: bytes.readDoubleBE(at + rowIdBytes + 4),
        line: bytes.subarray(at + headBytes, end),
      }
      at = end
    }
    rest = bytes.subarray(at)
  }
  if (rest.length > 0) throw new Error(`the spool ${file} ends within a row`)
}
