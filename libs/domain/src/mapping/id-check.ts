import type { UpdateBatchBuilder } from '../wire/update-batch.ts'
import type { IdColumn } from './id-column.ts'
import { idBytesMax } from './limits.ts'
import { isPlaceholderId } from './placeholder-ids.ts'
import { type RowInput, reject } from './row-transform.ts'

/** Whether the destination takes the loaded id as the id of a user or device; false after a reject. */
export function isGoodId(id: IdColumn, row: RowInput, out: UpdateBatchBuilder): boolean {
  if (isPlaceholderId(id.source, id.start, id.end)) {
    reject(
      row,
      out,
      'id_placeholder',
      id.name,
      'The id is a placeholder such as null, anonymous or 0, which the destination refuses.',
    )
    return false
  }
  if (id.end - id.start > idBytesMax) {
    reject(row, out, 'id_invalid', id.name, `The id is longer than ${idBytesMax} bytes.`)
    return false
  }
  return true
}

/** Whether the id is one at all: not empty, not too long. Groups and lookup rows may be called `0` or `unknown`. */
export function isUsableId(id: IdColumn, row: RowInput, out: UpdateBatchBuilder): boolean {
  const size = id.end - id.start
  if (size > 0 && size <= idBytesMax) return true
  if (size === 0) reject(row, out, 'id_missing', id.name, 'The id is empty.')
  else reject(row, out, 'id_invalid', id.name, `The id is longer than ${idBytesMax} bytes.`)
  return false
}
