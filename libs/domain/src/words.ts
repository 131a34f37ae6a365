/** The words of the system, as types. See docs/architecture.md, "Words". */

export const warehouseKinds = ['bigquery', 'snowflake', 'databricks', 'redshift', 'postgres', 'csv'] as const
export type WarehouseKind = (typeof warehouseKinds)[number]

export const tableTypes = ['events', 'user_profiles', 'group_profiles', 'lookup_table'] as const
export type TableType = (typeof tableTypes)[number]

export const modes = ['mirror', 'append', 'full', 'one_time'] as const
export type Mode = (typeof modes)[number]

export const profileKinds = ['standard', 'history'] as const
export type ProfileKind = (typeof profileKinds)[number]

export const lanes = ['live', 'bulk'] as const
export type Lane = (typeof lanes)[number]

export const destinationKinds = ['mixpanel', 'ingestion'] as const
export type DestinationKind = (typeof destinationKinds)[number]

/** What the source did to a row. */
export type ChangeOp = 'insert' | 'update' | 'delete'

/**
 * What the destination is asked to do. `retract` takes away what a row was there before; it belongs to the update or the
 * reject of the same row and is no row of its own in any count.
 */
export type UpdateOp = ChangeOp | 'retract'

/**
 * Position of a run in the life of a sync. `generation` grows when the sync is re-created or resynced, `runSeq` with
 * every run; both come from Postgres, never from a clock (order of versions: generation, runSeq, ordinal).
 */
export type RunPosition = { readonly generation: number; readonly runSeq: number }
