import { shown } from '../shown.ts'
import type { TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'

/** Why a mirrored table cannot be compared with what it was. */
export type ResyncReason = 'snapshot_gone' | 'stream_stale' | 'changes_gone' | 'table_recreated' | 'key_columns_changed'

const messages: Readonly<Record<ResyncReason, (table: string) => string>> = {
  snapshot_gone: (table) =>
    `The snapshot of ${table} that the last run kept is gone: it has expired or was removed, so changes cannot be found.`,
  stream_stale: (table) =>
    `The stream that follows ${table} is stale or gone: the warehouse does not keep the changes since the last run any more.`,
  changes_gone: (table) =>
    `The changes of ${table} since the last run are gone: their versions were vacuumed, are past delta.logRetentionDuration, or were not recorded.`,
  table_recreated: (table) =>
    `${table} was dropped and made anew since the last run: every row would be deleted and sent again.`,
  key_columns_changed: (table) =>
    `Columns of ${table} by which rows are found at the destination (name, time, user) are others than in the last run.`,
}

/** Nothing was deleted and nothing was sent; only a person can choose to start the sync anew. */
export function resyncRequired(table: TableRef, reason: ResyncReason, cause?: unknown): WarehouseError {
  return new WarehouseError(
    'resync_required',
    `${messages[reason](shown(table))} Nothing was sent.`,
    'Resync: the table is sent as a whole, and what older runs have loaded is removed.',
    { cause, details: { reason } },
  )
}
