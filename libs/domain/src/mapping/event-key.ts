import type { Column } from '../row-schema.ts'
import { IdColumn } from './id-column.ts'
import { eventNameBytesMax, idBytesMax } from './limits.ts'
import type { RowFields } from './row-fields.ts'
import { TimeColumn } from './time-column.ts'

/** The columns of an event key; `name` only when the name of the event stands in a column. */
export type EventKeyColumns = {
  readonly name?: string
  readonly time: string
  readonly userId?: string
  readonly deviceId?: string
}

export const devicePrefix = Buffer.from('$device:')

/**
 * What the destination keys an event or a row of profile history on, beside its `$insert_id`: name, time in milliseconds
 * and distinct id. Read from a Row or from a Before.
 * https://docs.mixpanel.com/troubleshooting/errors/duplicate-events.md
 */
export class EventKey {
  timeMs = 0
  /** The name is at [nameStart, nameEnd) of `source`; both 0 when all rows have the same one. */
  source: Buffer = Buffer.alloc(0)
  nameStart = 0
  nameEnd = 0
  /** The distinct id is the first `idLength` bytes. */
  readonly id = Buffer.alloc(devicePrefix.length + idBytesMax)
  idLength = 0
  readonly #time: TimeColumn
  readonly #nameIndex: number
  readonly #hasName: boolean
  readonly #user: IdColumn | null
  readonly #device: IdColumn | null

  constructor(columns: readonly Column[], { name, time, userId, deviceId }: EventKeyColumns) {
    this.#time = new TimeColumn(columns, time, 'time')
    this.#hasName = name !== undefined
    this.#nameIndex = columns.findIndex((column) => column.name === name)
    this.#user = userId === undefined ? null : new IdColumn({ columns }, userId)
    this.#device = deviceId === undefined ? null : new IdColumn({ columns }, deviceId)
  }

  /**
   * False when the row has no key: it was, or will be, a reject. Looser than the rules for rejects, of which some depend on
   * the clock: what may have been loaded must stay deletable, and deleting what is not there changes nothing.
   */
  load(fields: RowFields): boolean {
    this.timeMs = this.#time.read(fields)
    if (!Number.isFinite(this.timeMs)) return false
    return this.#loadName(fields) && this.#loadId(fields)
  }

  equals(other: EventKey): boolean {
    return (
      this.timeMs === other.timeMs &&
      this.source.compare(other.source, other.nameStart, other.nameEnd, this.nameStart, this.nameEnd) === 0 &&
      this.id.compare(other.id, 0, other.idLength, 0, this.idLength) === 0
    )
  }

  #loadName(fields: RowFields): boolean {
    this.source = fields.buffer
    if (!this.#hasName) return true
    const start = fields.starts[this.#nameIndex]!
    const end = fields.ends[this.#nameIndex]!
    this.nameStart = start
    this.nameEnd = end
    return start >= 0 && end > start && end - start <= eventNameBytesMax
  }

  #loadId(fields: RowFields): boolean {
    if (this.#user?.load(fields)) return this.#setId(0, this.#user)
    if (this.#device?.load(fields)) return this.#setId(devicePrefix.copy(this.id), this.#device)
    this.idLength = 0
    return this.#user === null && this.#device === null
  }

  #setId(at: number, { source, start, end }: IdColumn): boolean {
    if (end - start > idBytesMax) return false
    this.idLength = at + source.copy(this.id, at, start, end)
    return true
  }
}
