import type { DestinationKind, Mode, ProfileKind, TableType, WarehouseKind } from '../words.ts'
import { destinationCapabilities } from './destination-capabilities.ts'
import type { ScheduleKind } from './schedule.ts'
import { supportMatrix, type TableShape, tableShape } from './support-matrix.ts'

export type Combination = {
  readonly warehouse: WarehouseKind
  readonly tableType: TableType
  /** null for events and lookup tables. */
  readonly profileKind: ProfileKind | null
  readonly mode: Mode
  readonly destination: DestinationKind
  readonly hasInsertTime: boolean
  /** ms; more than 0 only with append. */
  readonly overlapMs: number
  readonly schedule: ScheduleKind
  /** A Google Analytics 4 export table (BigQuery). */
  readonly ga4?: boolean
}

export type CombinationRule =
  | 'history_needs_mirror'
  | 'standard_profiles_have_no_mirror'
  | 'events_have_no_full'
  | 'lookup_tables_are_full'
  | 'warehouse_has_no_mirror'
  | 'append_needs_insert_time'
  | 'only_append_has_insert_time'
  | 'destination_cannot_delete_events'
  | 'destination_has_no_profile_history'
  | 'one_time_has_no_schedule'
  | 'ga4_is_daily'
  | 'ga4_is_bigquery'
  | 'ga4_has_no_mirror'

export type CombinationAnswer =
  | { readonly ok: true }
  | { readonly ok: false; readonly rule: CombinationRule; readonly message: string; readonly hint: string }

/** Can this be synced? If not: the first rule that it breaks, in words for the person who asked for it. */
export function checkCombination(asked: Combination): CombinationAnswer {
  const shape = tableShape(asked.tableType, asked.profileKind)
  const rows = supportMatrix.filter(({ mode, shapes }) => mode === asked.mode && shapes.includes(shape))
  if (rows.length === 0) return noSuchMode(shape, asked.mode)
  const row = rows.find(({ warehouses }) => warehouses.includes(asked.warehouse))
  if (row === undefined)
    return refuse(
      'warehouse_has_no_mirror',
      `Mirror needs a warehouse in which changes can be found, and ${asked.warehouse} is none.`,
      `Use another mode. Mirror works on ${rows.flatMap(({ warehouses }) => warehouses).join(', ')}.`,
    )
  if (row.insertTime && !asked.hasInsertTime)
    return refuse(
      'append_needs_insert_time',
      'Append finds new rows by their insert time, and the sync names no such column.',
      'Set insertTimeColumn to a column that says when a row was inserted.',
    )
  if (!row.insertTime && (asked.hasInsertTime || asked.overlapMs > 0))
    return refuse(
      'only_append_has_insert_time',
      `insertTimeColumn and overlapMs mean something in append only, and the mode is ${asked.mode}.`,
      'Leave them out, or use append.',
    )
  return checkDestination(asked, row.needs) ?? checkSchedule(asked) ?? { ok: true }
}

function noSuchMode(shape: TableShape, mode: Mode): CombinationAnswer {
  if (shape.endsWith('/history'))
    return refuse(
      'history_needs_mirror',
      `Profile history can be synced in mirror mode only, not in ${mode}.`,
      'Use mirror, or standard profiles.',
    )
  if (shape === 'lookup_table')
    return refuse(
      'lookup_tables_are_full',
      `A lookup table is replaced as a whole; ${mode} does not apply to it.`,
      'Use full, or one_time.',
    )
  if (shape === 'events')
    return refuse(
      'events_have_no_full',
      'Events cannot be synced in full mode: they would be sent again with every run.',
      'Use append, mirror or one_time.',
    )
  return refuse(
    'standard_profiles_have_no_mirror',
    'Mirror of profiles needs the history type; standard profiles have no mirror.',
    'Use full or append, or set profileKind to history.',
  )
}

function checkDestination({ destination }: Combination, needs: readonly string[]): CombinationAnswer | null {
  const { name, eventDeletes, profileHistory } = destinationCapabilities[destination]
  if (needs.includes('eventDeletes') && !eventDeletes.ok)
    return refuse(
      'destination_cannot_delete_events',
      `Mirror of events needs deletes at the destination, and ${name} has none: ${eventDeletes.why}.`,
      'Use append for this destination.',
    )
  if (needs.includes('profileHistory') && !profileHistory.ok)
    return refuse(
      'destination_has_no_profile_history',
      `${name} keeps no profile history: ${profileHistory.why}.`,
      'Use standard profiles for this destination.',
    )
  return null
}

function checkSchedule({ mode, schedule, ga4, warehouse }: Combination): CombinationAnswer | null {
  if (ga4 && warehouse === 'bigquery' && mode === 'mirror')
    return refuse(
      'ga4_has_no_mirror',
      'A Google Analytics 4 export is many tables, and mirror compares one table with its snapshot.',
      'Use append by event_date: each run reads the last three days again.',
    )
  if (mode === 'one_time' && schedule !== 'api')
    return refuse(
      'one_time_has_no_schedule',
      'A one-time sync runs once, when it is started; it has no schedule.',
      'Set schedule to {"kind": "api"}.',
    )
  if (ga4 && warehouse !== 'bigquery')
    return refuse(
      'ga4_is_bigquery',
      `Google Analytics 4 tables are in BigQuery, not in ${warehouse}.`,
      'Leave ga4 out.',
    )
  if (ga4 && mode !== 'one_time' && schedule !== 'daily')
    return refuse(
      'ga4_is_daily',
      'Google Analytics 4 writes its tables once a day, so their syncs are daily.',
      'Use a daily schedule.',
    )
  return null
}

function refuse(rule: CombinationRule, message: string, hint: string): CombinationAnswer {
  return { ok: false, rule, message, hint }
}
