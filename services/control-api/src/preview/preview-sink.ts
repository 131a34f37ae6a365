import type { ChangeSink } from '@millrace/warehouses/change-sink.ts'

export type PreviewRow = { readonly rowId: Buffer; readonly row: Buffer }

/** Keeps the first rows, as a run would publish them, up to a number of bytes. */
export class PreviewSink implements ChangeSink {
  readonly rows: PreviewRow[] = []
  /** Were rows left out because of their size? */
  cut = false
  readonly #rowsMax: number
  #bytesLeft: number

  constructor(limits: { readonly rowsMax: number; readonly bytesMax: number }) {
    this.#rowsMax = limits.rowsMax
    this.#bytesLeft = limits.bytesMax
  }

  insert(rowId: Buffer, row: Buffer, rowStart: number, rowEnd: number): boolean {
    const bytes = rowEnd - rowStart
    if (this.rows.length >= this.#rowsMax) return true
    if (this.cut || bytes > this.#bytesLeft) {
      this.cut = true
      return true
    }
    this.#bytesLeft -= bytes
    this.rows.push({ rowId: Buffer.from(rowId.subarray(0, 32)), row: Buffer.from(row.subarray(rowStart, rowEnd)) })
    return true
  }

  change(): boolean {
    throw new Error('a preview shows rows, not changes')
  }

  async drained(): Promise<void> {
    // Never asked to wait: insert always takes more.
  }
}
