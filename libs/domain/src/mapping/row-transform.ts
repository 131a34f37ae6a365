import type { RejectCode } from '../wire/batch-header.ts'
import type { UpdateBatchBuilder } from '../wire/update-batch.ts'
import type { ChangeOp } from '../words.ts'
import type { RowFields } from './row-fields.ts'

/** One row on its way through a mapping. */
export type RowInput = {
  op: ChangeOp
  ordinal: number
  /** 32 bytes of `fields.buffer` from here. */
  rowIdStart: number
  hasRow: boolean
  fields: RowFields
  hasOld: boolean
  /** The before-image. */
  old: RowFields
  /** Milliseconds since 1970-01-01T00:00:00Z against which "in the future" is judged. */
  nowMs: number
}

export type RowTransform = {
  /** Writes a row as an update or a reject of `out`, never both, never neither. */
  write(row: RowInput, out: UpdateBatchBuilder): void
  /**
   * Types that have mirror: writes an update or a delete, whose row is counted once, as an update, a reject or filtered.
   * Without it they are written like inserts.
   */
  change?(row: RowInput, out: UpdateBatchBuilder): void
}

export function reject(row: RowInput, out: UpdateBatchBuilder, code: RejectCode, field: string, message: string): void {
  out.reject(row.fields.buffer, row.rowIdStart, row.ordinal, code, field, message)
}

export function rejectTooLarge(row: RowInput, out: UpdateBatchBuilder): void {
  reject(row, out, 'row_too_large', '', 'The row is larger than the extractor publishes.')
}
