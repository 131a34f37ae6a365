import type { ChangeOp } from '@millrace/domain/words.ts'

/**
 * Where a warehouse reader puts rows: already encoded, so that no row becomes an object on the way. The reader writes
 * the Avro encoding of the `Row` record (each column a union with null, in schema order) and the row's identity hash.
 */
export type ChangeSink = {
  /**
   * `rowId` is 32 bytes and `row` the Avro bytes; both are copied before the call returns. Returns false when the reader
   * must await `drained()` before the next call.
   */
  insert(rowId: Buffer, row: Buffer, rowStart: number, rowEnd: number): boolean
  /**
   * A change that a mirror run has found. `row` is as in `insert`, null for a delete. `before` is the whole Avro encoding of
   * the plan's before-columns (each a union with null, in their order) with the old values, null for an insert. Copied, and
   * answered, as in `insert`.
   */
  change(
    op: ChangeOp,
    rowId: Buffer,
    row: Buffer | null,
    rowStart: number,
    rowEnd: number,
    before: Uint8Array | null,
  ): boolean
  /** Resolves when more can be taken; rejects when the read must end (cancelled, lease lost). */
  drained(): Promise<void>
}
