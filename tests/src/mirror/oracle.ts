import type { WarehouseKind } from '@millrace/domain/words.ts'
import type { EventsSync, ModelSync } from './model-sync.ts'
import type { Cell, ModelColumn, ModelRow, ModelTable } from './model-table.ts'
import { dateText, timestampText } from './model-time.ts'

/** What the model must know of where rows come from. */
export type OracleContext = {
  readonly importId: string
  readonly warehouse: WarehouseKind
  /** The text of a decimal as the warehouse prints it, from its shortest one. */
  readonly decimalText: (shortest: string) => string
}

/** What the destination holds of a good row, without its `$insert_id`. */
export type HeldRecord =
  | { readonly event: string; readonly properties: Readonly<Record<string, unknown>> }
  | {
      readonly groupKey: string
      readonly id: string
      readonly startMs: number
      readonly set: Readonly<Record<string, unknown>>
    }

/** The destination refuses these as ids of users and devices, in any case of letters (those that the model makes). */
const placeholderIds = new Set(['', '0', '-1', 'null', 'none', 'anonymous', 'undefined', 'unknown'])
/** A column of JSON properties does not overwrite these. */
const reserved = ['time', 'distinct_id', '$insert_id', '$user_id', '$device_id', 'token']
const earliestMs = Date.UTC(1971, 0, 1)
/** The model's rows are either long past or further in the future than any test lasts. */
const latestMs = Date.UTC(2090, 0, 1)

/**
 * The rules of the mapping once more, in as few words as they take and without a line of the code under test: what the destination must hold
 * for a row, or null when the row is a reject.
 */
export function heldRecord(
  table: ModelTable,
  sync: ModelSync,
  row: ModelRow,
  context: OracleContext,
): HeldRecord | null {
  const cell = cellsOf(table, row)
  const timeMs = millisecondsOf(cell(sync.tableType === 'events' ? sync.time : sync.startTime))
  if (timeMs === null || timeMs < earliestMs || timeMs > latestMs) return null
  const properties = propertiesOf(table, sync, row, context)
  if (properties === null) return null
  if (sync.tableType === 'events') return heldEvent(sync, cell, timeMs, properties, context)
  const isUser = sync.tableType === 'user_profiles'
  const id = idText(cell(isUser ? sync.userId : sync.groupId))
  if (id === null || id === '' || !isText(id, 255) || (isUser && isPlaceholder(id))) return null
  return { groupKey: isUser ? '' : sync.groupKey, id, startMs: timeMs, set: properties }
}

/**
 * Whether the old row can have been loaded, so that its deletion is sent: a name, a time and an id can be made of it. Looser than being good, for
 * what was refused for another reason, today, may have been taken once.
 */
export function mayBeHeld(table: ModelTable, sync: ModelSync, row: ModelRow): boolean {
  const cell = cellsOf(table, row)
  if (millisecondsOf(cell(sync.tableType === 'events' ? sync.time : sync.startTime)) === null) return false
  if (sync.tableType !== 'events') {
    const id = idText(cell(sync.tableType === 'user_profiles' ? sync.userId : sync.groupId))
    return id !== null && id !== '' && isText(id, 255)
  }
  if ('column' in sync.eventName) {
    const name = cell(sync.eventName.column)
    if (typeof name !== 'string' || name === '' || !isText(name, 255)) return false
  }
  if (sync.userId === undefined && sync.deviceId === undefined) return true
  const id = idText(cell(sync.userId)) ?? idText(cell(sync.deviceId))
  return id !== null && isText(id, 255)
}

function heldEvent(
  sync: EventsSync,
  cell: (name: string | undefined) => Cell,
  time: number,
  more: Readonly<Record<string, unknown>>,
  { importId, warehouse }: OracleContext,
): HeldRecord | null {
  const event = 'column' in sync.eventName ? cell(sync.eventName.column) : sync.eventName.value
  if (typeof event !== 'string' || event === '' || !isText(event, 255)) return null
  const user = idText(cell(sync.userId))
  const device = idText(cell(sync.deviceId))
  const hasIds = sync.userId !== undefined || sync.deviceId !== undefined
  if (hasIds && user === null && device === null) return null
  for (const id of [user, device]) if (id !== null && (!isText(id, 255) || isPlaceholder(id))) return null
  const properties = {
    ...more,
    time,
    distinct_id: user ?? (device === null ? '' : `$device:${device}`),
    ...(user === null ? {} : { $user_id: user }),
    ...(device === null ? {} : { $device_id: device }),
    $warehouse_import_id: importId,
    $warehouse_type: warehouse,
  }
  return { event, properties }
}

/** The properties of the columns that have no other part; null when one of them cannot be sent. */
function propertiesOf(
  { columns }: ModelTable,
  sync: ModelSync,
  row: ModelRow,
  { decimalText }: OracleContext,
): Record<string, unknown> | null {
  const sent = columns.filter(({ name }) => !partsOf(sync).has(name))
  const properties: Record<string, unknown> = {}
  for (const column of sent) {
    const cell = row[columns.indexOf(column)] ?? null
    if (cell === null) continue
    if (typeof cell === 'string' && cell.includes('\0')) return null
    properties[column.name] = propertyValue(column, cell, decimalText)
  }
  const json = sync.tableType === 'events' ? sync.jsonProperties : undefined
  const text = json === undefined ? null : row[columns.findIndex(({ name }) => name === json)]
  if (typeof text !== 'string') return properties
  const members: unknown = parsed(text)
  if (typeof members !== 'object' || members === null || Array.isArray(members)) return null
  const owned = new Set([...reserved, ...sent.map(({ name }) => name), '$warehouse_import_id', '$warehouse_type'])
  const free = Object.entries(members).filter(([name]) => !owned.has(name))
  return { ...Object.fromEntries(free), ...properties }
}

function propertyValue({ type }: ModelColumn, cell: Cell, decimalText: (shortest: string) => string): unknown {
  switch (type) {
    case 'integer':
      return Number.isSafeInteger(Number(cell)) ? Number(cell) : String(cell)
    case 'double':
      return Number.isFinite(cell) ? (cell as number) + 0 : String(cell)
    case 'decimal': {
      const digits = String(cell)
        .replace(/[-.]/g, '')
        .replace(/^0+|0+$/g, '')
      return digits.length <= 15 ? Number(cell) : decimalText(String(cell))
    }
    case 'json':
      return JSON.parse(String(cell))
    case 'bytes':
      return Buffer.from(String(cell), 'hex').toString('base64')
    case 'timestamp':
      return timestampText(cell as bigint)
    case 'date':
      return dateText(cell as number)
    default:
      return cell
  }
}

function partsOf(sync: ModelSync): ReadonlySet<string | undefined> {
  if (sync.tableType === 'user_profiles') return new Set([sync.userId, sync.startTime])
  if (sync.tableType === 'group_profiles') return new Set([sync.groupId, sync.startTime])
  const { eventName, time, userId, deviceId, jsonProperties, leaveOut = [] } = sync
  const name = 'column' in eventName ? eventName.column : undefined
  return new Set([name, time, userId, deviceId, jsonProperties, ...leaveOut])
}

function cellsOf({ columns }: ModelTable, row: ModelRow): (name: string | undefined) => Cell {
  return (name) => row[columns.findIndex((column) => column.name === name)] ?? null
}

/** Rounded down. Times are bigints of microseconds, or numbers of days. */
function millisecondsOf(cell: Cell): number | null {
  if (typeof cell === 'number') return cell * 86_400_000
  if (typeof cell !== 'bigint') return null
  const rest = ((cell % 1000n) + 1000n) % 1000n
  return Number((cell - rest) / 1000n)
}

function idText(cell: Cell): string | null {
  return cell === null ? null : String(cell)
}

function isText(text: string, bytesMax: number): boolean {
  return Buffer.byteLength(text) <= bytesMax && !text.includes('\0')
}

function isPlaceholder(id: string): boolean {
  return placeholderIds.has(id.toLowerCase())
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
