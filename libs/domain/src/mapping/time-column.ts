import type { Column } from '../row-schema.ts'
import { AvroReader } from '../wire/avro-reader.ts'
import type { UpdateBatchBuilder } from '../wire/update-batch.ts'
import { earliestTimeMs, futureMs } from './limits.ts'
import type { RowFields } from './row-fields.ts'
import { type RowInput, reject } from './row-transform.ts'

/** The column of type timestamp or date that says when an event happened or a profile's row became active. */
export class TimeColumn {
  readonly #index: number
  readonly #isDate: boolean
  readonly #name: string
  readonly #what: string
  readonly #reader = new AvroReader(Buffer.alloc(0))

  /** `what` names the time in rejects: `time of the event`. */
  constructor(columns: readonly Column[], name: string, what: string) {
    this.#index = columns.findIndex((column) => column.name === name)
    this.#isDate = columns[this.#index]?.type === 'date'
    this.#name = name
    this.#what = what
  }

  /** Milliseconds since 1970-01-01T00:00:00Z, rounded down; NaN for NULL, an infinity for an endless time. */
  read(fields: RowFields): number {
    const start = fields.starts[this.#index]!
    if (start < 0) return Number.NaN
    const reader = this.#reader
    reader.open(fields.buffer, start, fields.ends[this.#index]!)
    reader.readLongHalves()
    const { hi, lo } = reader
    if (this.#isDate) {
      const days = lo | 0
      return days === 0x7fffffff || days === -0x80000000 ? days * Number.POSITIVE_INFINITY : days * 86_400_000
    }
    if ((hi === 0x7fffffff && lo === 0xffffffff) || (hi === -0x80000000 && lo === 0))
      return hi * Number.POSITIVE_INFINITY
    return Math.floor((hi * 4294967296 + lo) / 1000)
  }

  /** `read` under the destination's strict rule; NaN after a reject. */
  readStrict(row: RowInput, out: UpdateBatchBuilder): number {
    const ms = this.read(row.fields)
    if (ms >= earliestTimeMs && ms <= row.nowMs + futureMs) return ms
    const what = `The ${this.#what} is`
    if (Number.isNaN(ms)) reject(row, out, 'time_missing', this.#name, `${what} NULL.`)
    else if (!Number.isFinite(ms)) reject(row, out, 'time_invalid', this.#name, `${what} infinite.`)
    else if (ms < earliestTimeMs) reject(row, out, 'time_too_early', this.#name, `${what} before 1971-01-01.`)
    else reject(row, out, 'time_in_future', this.#name, `${what} more than one hour in the future.`)
    return Number.NaN
  }
}
