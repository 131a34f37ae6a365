import type { PlanRequest, Warehouse } from '@millrace/warehouses/warehouse.ts'
import { KeptInMemory } from './kept-in-memory.ts'
import { Replica } from './mirror-replica.ts'
import { type PostgresSource, requestFor } from './postgres-source.ts'

const eventColumns = [
  { name: 'name', sourceType: 'text', type: 'string' },
  { name: 'at', sourceType: 'timestamp with time zone', type: 'timestamp' },
] as const

export const visitColumns = 'id bigint, at timestamptz, name text, note text'
export const keyedVisits = `${visitColumns}, PRIMARY KEY (id)`

/** Makes a table anew with so many rows: ids from 1, names n0 to n6. */
export async function makeVisits(
  { admin }: PostgresSource,
  name: string,
  columns: string,
  rows: number,
): Promise<void> {
  await admin.query(`DROP TABLE IF EXISTS ${name}; CREATE TABLE ${name} (${columns})`)
  await admin.query(`INSERT INTO ${name} (id, at, name) SELECT i, '2026-01-01'::timestamptz + i * interval '1 s', 'n' || i % 7
    FROM generate_series(1, ${rows}) AS i`)
}

export type MirroredVisits = {
  readonly kept: KeptInMemory
  readonly warehouse: Warehouse
  readonly request: PlanRequest
  readonly replica: Replica
}

/** A mirrored sync of a table, and what is kept for it. */
export function mirrorOf(
  source: PostgresSource,
  name: string,
  more: Partial<PlanRequest> = {},
  rowsMax?: number,
): MirroredVisits {
  const kept = new KeptInMemory()
  const warehouse = source.open({}, {}, { kept: kept.reader, mirrorRowsMax: rowsMax })
  const request = requestFor(name, { mode: 'mirror', before: eventColumns, keep: kept.writer, ...more })
  return { kept, warehouse, request, replica: new Replica(warehouse, request) }
}

/** Inserts, updates, deletes, identical rows of a run. */
export function countsOf({ plan: { changes } }: Pick<Awaited<ReturnType<Replica['run']>>, 'plan'>): readonly number[] {
  if (changes === null) throw new Error('the plan is not one of a mirror')
  return [changes.inserts, changes.updates, changes.deletes, changes.identicalRows]
}
