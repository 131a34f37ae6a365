import type { ChangeSink } from './change-sink.ts'
import { RowOfValues, type Value } from './row-of-values.ts'
import { schemaFingerprint } from './schema-fingerprint.ts'
import type { ReadPlan, ReadResult, TableDescription } from './warehouse.ts'

type Row = readonly Value[]

/** All rows of a table that fits in memory, as they were at one moment. */
export class SmallTable {
  readonly description: TableDescription
  readonly schemaFingerprint: string
  readonly #rows: readonly Row[]

  constructor(description: TableDescription, rows: readonly Row[]) {
    const { columns, key } = description
    this.description = description
    this.schemaFingerprint = schemaFingerprint({
      columns: columns.map((column) => ({ ...column, rule: column.type })),
      key,
    })
    this.#rows = rows
  }

  /** The latest value of a column of times, null for none, and how many rows have none. */
  latest(column: string): { readonly time: bigint | null; readonly rowsLeftOut: number } {
    const at = this.#at(column)
    let time: bigint | null = null
    let rowsLeftOut = 0
    for (const row of this.#rows) {
      const value = row[at] as bigint | null
      if (value === null) rowsLeftOut++
      else if (time === null || value > time) time = value
    }
    return { time, rowsLeftOut }
  }

  /** Rows of the range, or all; `distinct`: identical ones once. */
  count(range: ReadPlan['range'], distinct: boolean): number {
    const rows = this.#within(range)
    if (!distinct) return rows.length
    const encoder = new RowOfValues(this.description.columns, [])
    return new Set(rows.map((row) => encoder.idOf(row).toString('latin1'))).size
  }

  /** Hands the rows of the range to the sink, or the first ones. `identity`: columns of the row's id; empty = the whole row. */
  async handOver(
    sink: ChangeSink,
    { range, identity, rowsMax }: Pick<ReadPlan, 'range' | 'identity'> & { readonly rowsMax?: number },
  ): Promise<ReadResult> {
    const encoder = new RowOfValues(this.description.columns, identity)
    const rows = this.#within(range).slice(0, rowsMax)
    for (const row of rows) if (!encoder.insertInto(sink, row)) await sink.drained()
    return { rows: rows.length }
  }

  /** lo - overlap < t <= hi */
  #within(range: ReadPlan['range']): readonly Row[] {
    if (range === null) return this.#rows
    const { column, lo, hi, overlapMs } = range
    if (hi === null) return []
    const at = this.#at(column)
    const last = BigInt(hi)
    const after = lo === null ? null : BigInt(lo) - BigInt(overlapMs) * 1000n
    return this.#rows.filter((row) => {
      const time = row[at] as bigint | null
      return time !== null && time <= last && (after === null || time > after)
    })
  }

  #at(name: string): number {
    return this.description.columns.findIndex((column) => column.name === name)
  }
}
