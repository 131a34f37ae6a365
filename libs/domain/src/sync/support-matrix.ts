import { type Mode, type ProfileKind, type TableType, type WarehouseKind, warehouseKinds } from '../words.ts'
import type { destinationCapabilities } from './destination-capabilities.ts'

/** What a table becomes: profiles are standard or history, the other types have no kind. */
export type TableShape =
  | 'events'
  | 'user_profiles/standard'
  | 'user_profiles/history'
  | 'group_profiles/standard'
  | 'group_profiles/history'
  | 'lookup_table'

type Need = Exclude<keyof (typeof destinationCapabilities)['ingestion'], 'name'>

/** What can be synced: one line says that a mode works for these shapes on these warehouses, and what it needs. */
export type SupportRow = {
  readonly mode: Mode
  readonly shapes: readonly TableShape[]
  readonly warehouses: readonly WarehouseKind[]
  /** Append finds new rows by a column that says when they were inserted. */
  readonly insertTime: boolean
  /** Capabilities that the destination must have for events and for history. */
  readonly needs: readonly Need[]
}

/** Those that compare a table with what it was, or follow its changes. */
const tracking: readonly WarehouseKind[] = ['bigquery', 'snowflake', 'databricks', 'redshift', 'postgres']
const all = warehouseKinds
const standard: readonly TableShape[] = ['user_profiles/standard', 'group_profiles/standard']
const history: readonly TableShape[] = ['user_profiles/history', 'group_profiles/history']

/**
 * The support matrix; what is not in it is refused. Used by the API, the documentation and the tests. Source: the
 * warehouse guide, "Table Types" and "Sync Modes"; mirror of Postgres goes beyond it (docs/warehouses/postgres.md).
 */
export const supportMatrix: readonly SupportRow[] = [
  { mode: 'mirror', shapes: ['events'], warehouses: tracking, insertTime: false, needs: ['eventDeletes'] },
  { mode: 'mirror', shapes: history, warehouses: tracking, insertTime: false, needs: ['profileHistory'] },
  { mode: 'append', shapes: ['events', ...standard], warehouses: all, insertTime: true, needs: [] },
  { mode: 'full', shapes: [...standard, 'lookup_table'], warehouses: all, insertTime: false, needs: [] },
  { mode: 'one_time', shapes: ['events', ...standard, 'lookup_table'], warehouses: all, insertTime: false, needs: [] },
]

export function tableShape(tableType: TableType, profileKind: ProfileKind | null): TableShape {
  return tableType === 'user_profiles' || tableType === 'group_profiles'
    ? `${tableType}/${profileKind ?? 'standard'}`
    : tableType
}
