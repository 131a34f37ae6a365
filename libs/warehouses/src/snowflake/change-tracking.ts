import { resyncRequired } from '../mirror/resync-required.ts'
import { shown } from '../shown.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { FoundTable } from './catalog.ts'
import { quoteTable } from './identifiers.ts'

/** Throws `mode_not_supported` for what no stream follows. */
export function checkTracked({ kind, table }: FoundTable): void {
  if (kind !== 'materialized_view') return
  throw new WarehouseError(
    'mode_not_supported',
    `${shown(table)} is a materialized view, which no stream of Snowflake follows.`,
    'Mirror the table behind it, or a view or dynamic table instead.',
  )
}

/** What failed while a stream was made or read, in words about the table. */
export function trackingError(error: unknown, { table, kind }: FoundTable, database: string): unknown {
  if (!(error instanceof WarehouseError)) return error
  if (error.code === 'resync_required' && error.details === undefined)
    return resyncRequired(table, 'stream_stale', error.cause)
  if (error.code !== 'mode_not_supported') return error
  const name = quoteTable(database, table)
  const statement = `ALTER ${kind === 'table' ? 'TABLE' : 'VIEW'} ${name} SET CHANGE_TRACKING = TRUE;`
  const forViews =
    kind === 'table'
      ? ''
      : ' Tables behind it need change tracking as well, and it may hold projections, filters, inner or cross joins and UNION ALL of them only: no GROUP BY, DISTINCT, LIMIT or subqueries elsewhere.'
  return new WarehouseError(
    'mode_not_supported',
    `Snowflake keeps no changes of ${shown(table)}: change tracking is not turned on, or cannot be.`,
    `Its owner runs: ${statement}${forViews}`,
    { cause: error.cause },
  )
}
