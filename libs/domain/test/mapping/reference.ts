import { insertId } from '@millrace/domain/identity/insert-id.ts'
import type { EventsMapping } from '@millrace/domain/mapping/mapping.ts'
import { placeholderIds } from '@millrace/domain/mapping/placeholder-ids.ts'
import type { ColumnType, RowSchema } from '@millrace/domain/row-schema.ts'
import type { RejectCode } from '@millrace/domain/wire/batch-header.ts'
import type { Cell } from '../rows.ts'
import { context, nowMs, rowIdOf } from './map-rows.ts'

/** The naive mapping: plain objects, one value after the other, no bytes. What the real one must agree with. */

class Refused extends Error {
  readonly code: RejectCode

  constructor(code: RejectCode) {
    super(code)
    this.code = code
  }
}

export function referenceEvent(mapping: EventsMapping, schema: RowSchema, row: readonly Cell[], n: number): unknown {
  try {
    return event(mapping, schema, row, n)
  } catch (error) {
    if (error instanceof Refused) return error.code
    throw error
  }
}

function event(mapping: EventsMapping, schema: RowSchema, row: readonly Cell[], n: number): unknown {
  const cell = (name: string) => row[schema.columns.findIndex((column) => column.name === name)] as Cell
  const time = timeOf(cell(mapping.time))
  const ids = [mapping.userId, mapping.deviceId].map((name) => (name === undefined ? null : cell(name)))
  if ((mapping.userId !== undefined || mapping.deviceId !== undefined) && ids.every((id) => id === null))
    throw new Refused('id_missing')
  const [user, device] = ids.map((id) => (id === null ? null : idOf(String(id))))
  const name = 'value' in mapping.eventName ? mapping.eventName.value : nameOf(cell(mapping.eventName.column))
  for (const id of [user, device]) if (typeof id === 'string') checkText(id)
  const properties: [string, unknown][] = [
    ['time', time],
    ['distinct_id', user ?? (typeof device === 'string' ? `$device:${device}` : '')],
    ['$insert_id', insertId(context.syncId, context.generation, rowIdOf(n))],
    ...(typeof user === 'string' ? [['$user_id', user] as [string, unknown]] : []),
    ...(typeof device === 'string' ? [['$device_id', device] as [string, unknown]] : []),
    ['$warehouse_import_id', context.importId],
    ['$warehouse_type', context.warehouse],
  ]
  const { userId, deviceId, jsonProperties, eventName } = mapping
  const parts = [mapping.time, userId, deviceId, jsonProperties, 'column' in eventName ? eventName.column : undefined]
  const owned = new Set(['time', 'distinct_id', '$insert_id', '$user_id', '$device_id', 'token'])
  for (const hidden of ['$warehouse_import_id', '$warehouse_type']) owned.add(hidden)
  schema.columns.forEach((column, i) => {
    if (parts.includes(column.name) || mapping.leaveOut?.includes(column.name)) return
    const property = Object.hasOwn(mapping.rename ?? {}, column.name) ? mapping.rename![column.name]! : column.name
    owned.add(property)
    if (row[i] !== null) properties.push([property, expectedValue(column.type, row[i]!)])
  })
  const json = jsonProperties === undefined ? null : cell(jsonProperties)
  if (json !== null) {
    const members = parseJson(json as string)
    if (typeof members !== 'object' || members === null || Array.isArray(members)) throw new Refused('json_not_object')
    properties.push(...Object.entries(members).filter(([key]) => !owned.has(key)))
  }
  return { event: name, properties: Object.fromEntries(properties) }
}

function timeOf(cell: Cell): number {
  if (cell === null) throw new Refused('time_missing')
  const micros = cell as bigint
  if (micros === 2n ** 63n - 1n || micros === -(2n ** 63n)) throw new Refused('time_invalid')
  const ms = Number((micros - (((micros % 1000n) + 1000n) % 1000n)) / 1000n)
  if (ms < Date.UTC(1971)) throw new Refused('time_too_early')
  if (ms > nowMs + 3_600_000) throw new Refused('time_in_future')
  return ms
}

function idOf(id: string): string {
  if (placeholderIds.includes(id.replace(/[A-Z]/g, (letter) => letter.toLowerCase())))
    throw new Refused('id_placeholder')
  if (Buffer.byteLength(id) > 255) throw new Refused('id_invalid')
  return id
}

function nameOf(cell: Cell): string {
  if (cell === null || cell === '') throw new Refused('event_name_missing')
  if (Buffer.byteLength(cell as string) > 255) throw new Refused('event_name_invalid')
  return checkText(cell as string)
}

function checkText(text: string): string {
  if (text.includes('\0')) throw new Refused('nul_character')
  return text
}

function parseJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Refused('json_invalid')
  }
  if (/\\u0000/.test(text.replaceAll('\\\\', ''))) throw new Refused('nul_character')
  return value
}

/** The table of value-writer.ts, said again. */
export function expectedValue(type: ColumnType, cell: NonNullable<Cell>): unknown {
  switch (type) {
    case 'integer':
      return Number.isSafeInteger(Number(cell)) ? Number(cell) : String(cell)
    case 'double':
      return cell === 0 ? 0 : Number.isFinite(cell) ? cell : String(cell)
    case 'decimal':
      return decimalOf(cell as string)
    case 'string':
      return checkText(cell as string)
    case 'json':
      return parseJson(cell as string)
    case 'bytes':
      return Buffer.from(cell as Uint8Array).toString('base64')
    case 'timestamp':
      return timeText(cell as bigint)
    case 'date':
      return dateText(cell as number)
    case 'boolean':
      return cell
  }
}

function decimalOf(text: string): unknown {
  const [mantissa = ''] = text.toLowerCase().split('e')
  const digits = mantissa.replace(/[^0-9]/g, '').replace(/^0+|0+$/g, '')
  if (/[a-df-z]/i.test(text)) return text
  if (digits === '') return 0
  const size = Math.abs(Number(text))
  return digits.length <= 15 && size > 1e-300 && size < 1e300 ? Number(text) : text
}

function timeText(micros: bigint): string {
  if (micros === 2n ** 63n - 1n) return 'infinity'
  if (micros === -(2n ** 63n)) return '-infinity'
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n
  const text = isoOf(Number((micros - fraction) / 1_000_000n)).replace('.000Z', '')
  return fraction === 0n ? `${text}Z` : `${text}.${String(fraction).padStart(6, '0')}Z`
}

function dateText(days: number): string {
  if (days === 2 ** 31 - 1) return 'infinity'
  if (days === -(2 ** 31)) return '-infinity'
  return isoOf(days * 86_400).split('T')[0]!
}

/** Date ends at year 275760; the calendar repeats every 400 years. */
function isoOf(seconds: number): string {
  const cycle = 146_097 * 86_400
  const cycles = Math.floor((seconds + 62_167_219_200) / cycle)
  const [date = '', time] = new Date((seconds - cycles * cycle) * 1000).toISOString().split('T')
  const year = Number(date.slice(0, -6)) + cycles * 400
  const sign = year < 0 ? '-' : '+'
  const years =
    year >= 0 && year <= 9999 ? String(year).padStart(4, '0') : sign + String(Math.abs(year)).padStart(6, '0')
  return `${years}${date.slice(-6)}T${time}`
}
