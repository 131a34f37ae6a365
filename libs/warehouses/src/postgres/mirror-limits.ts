import type pg from 'pg'
import { shown } from '../shown.ts'
import type { TableRef } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { FoundTable } from './catalog.ts'

/** Where no operator sets MILLRACE_MIRROR_ROWS: what a comparison takes minutes for (docs/warehouses/postgres.md). */
export const mirrorRowsDefault = 10_000_000

/** An estimate may be off by that before the rows are counted: a comparison that would be refused for sure is not begun. */
const estimateFactor = 2

/**
 * Whether a table can be mirrored: its rows must have places (heap) that stay while a snapshot lives. `hasParts`: places are
 * unique within its partitions, or the tables that inherit from it, only. Throws `mode_not_supported`.
 */
export async function checkMirrorTable(
  client: pg.Client,
  found: FoundTable,
  rowsMax: number,
): Promise<{ readonly hasParts: boolean }> {
  const { rows } = await client.query<{ members: number; heapsOnly: boolean; rows: number }>(
    `WITH RECURSIVE members AS (
       SELECT $1::oid AS oid UNION SELECT i.inhrelid FROM members m JOIN pg_inherits i ON i.inhparent = m.oid
     )
     SELECT count(*)::int AS members,
            bool_and(c.relkind = 'p' OR (c.relkind = 'r' AND am.amname = 'heap')) AS "heapsOnly",
            sum(greatest(c.reltuples, 0)) FILTER (WHERE c.relkind = 'r')::float8 AS rows
     FROM members JOIN pg_class c ON c.oid = members.oid LEFT JOIN pg_am am ON am.oid = c.relam`,
    [found.oid],
  )
  const counted = rows[0]
  if (!counted?.heapsOnly)
    throw new WarehouseError(
      'mode_not_supported',
      `${shown(found.table)} is no table of Postgres' own storage: views, foreign tables and other storages cannot be mirrored.`,
      'Mirror the table that it reads, or use append.',
    )
  if ((counted.rows ?? 0) > estimateFactor * rowsMax) throw tooLarge(found.table, counted.rows, rowsMax)
  return { hasParts: counted.members > 1 }
}

export function checkRowCount(table: TableRef, rows: number, rowsMax: number): void {
  if (rows > rowsMax) throw tooLarge(table, rows, rowsMax)
}

function tooLarge(table: TableRef, rows: number, rowsMax: number): WarehouseError {
  const count = (n: number) => Math.round(n).toLocaleString('en-US')
  return new WarehouseError(
    'mode_not_supported',
    `${shown(table)} has about ${count(rows)} rows, and tables of Postgres are mirrored up to ${count(rowsMax)}.`,
    'Use append, or have the operator raise MILLRACE_MIRROR_ROWS: see docs/warehouses/postgres.md.',
    { details: { limit: 'MILLRACE_MIRROR_ROWS', rowsMax } },
  )
}
