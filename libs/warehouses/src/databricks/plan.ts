import { columnNotFound, identityOf } from '../columns-by-name.ts'
import { fromOf, latestOf, noOverlap, overlapOf } from '../insert-time-overlap.ts'
import { schemaFingerprint } from '../schema-fingerprint.ts'
import { shown } from '../shown.ts'
import type { PlanRequest, ReadPlan } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { type Catalog, type FoundTable, findTable, rowSchemaOf, type TableColumn } from './catalog.ts'
import { quoteTable } from './identifiers.ts'
import { countOverlap } from './overlap.ts'
import { planMirror } from './plan-mirror.ts'
import { type DatabricksPin, partsOf } from './plan-parts.ts'
import { atVersion, leftOutStatement, type Reading, sizeStatement } from './statements.ts'
import { latestVersion } from './table-versions.ts'

/** A table, the version at which a run reads it, and its schema then. `version` is null for what has none. */
export type Versioned = { readonly found: FoundTable; readonly version: number | null; readonly at: number }

/**
 * Fixes what a run reads: a version of the table, which Delta keeps, so nothing is copied or written. Chunks are parts of the rows
 * by a hash; whoever reads one, however often, reads the same rows.
 *
 * Exactness, per mode:
 * - full, one_time: the rows of the table at the version; each row once.
 * - append: of those the ones with t > lo - overlap; hi is the latest t of the version. A row that commits later with a time below hi is
 *   read by the next run if its time is within the overlap. Rows whose insert time is NULL are never read.
 * - mirror: see plan-mirror.ts.
 *
 * Views, and tables that are not of Delta, have no versions. They are read by one statement, so at one moment, in one chunk; a chunk
 * that is read again after a crash is of another moment, and counts instead of the first. Numbers that are counted beforehand (rows read again)
 * are of a moment before. Proved by test/databricks-live.test.ts.
 */
export async function planRead(place: Catalog, request: PlanRequest, signal: AbortSignal): Promise<ReadPlan> {
  const versioned = await findVersion(place, request, signal)
  const identity = identityOf(request, versioned.found)
  if (request.mode === 'mirror') return await planMirror(place, request, versioned, identity, signal)
  const column = request.mode === 'append' ? timeColumn(versioned.found, request) : null
  return await planRows(place, request, { ...versioned, identity, column }, signal)
}

/** A table that is altered between two looks at its columns may have had either at the version. */
async function findVersion(place: Catalog, { table }: PlanRequest, signal: AbortSignal): Promise<Versioned> {
  const found = await findTable(place, table, signal)
  if (!found.isDelta) return { found, version: null, at: 0 }
  const { version, at } = await latestVersion(place, table, signal)
  const again = await findTable(place, table, signal)
  if (schemaFingerprint(again) === schemaFingerprint(found)) return { found, version, at }
  throw new WarehouseError(
    'snapshot_conflict',
    `${shown(table)} was altered while the run was planned.`,
    'It is tried again.',
  )
}

type Source = Versioned & { readonly identity: readonly string[]; readonly column: TableColumn | null }

async function planRows(
  { client, catalog }: Catalog,
  request: PlanRequest,
  { found, version, identity, column }: Source,
  signal: AbortSignal,
): Promise<ReadPlan> {
  const { cursor, chunkRows } = request
  const lo = cursor?.hi ?? null
  const overlapMs = column === null ? 0 : overlapOf(column, request.overlapMs)
  const from = column === null ? null : fromOf(column, lo, overlapMs)
  const table = quoteTable(catalog, found.table)
  const source = version === null ? table : atVersion(table, version)
  const reading = { from: source, columns: found.columns, range: column && { column, from, to: null } }
  const [size] = await client.ask(sizeStatement(reading), signal)
  const rows = Number(size?.n ?? 0)
  const hi = column === null ? null : latestOf(column, size?.t, lo)
  const overlap =
    column === null
      ? noOverlap
      : await countOverlap(
          client,
          {
            reading,
            position: found.columns.indexOf(column),
            lo,
            hi,
            overlapMs,
            distinct: request.tableType === 'events' && identity.length === 0,
            cursor,
          },
          signal,
        )
  const [leftOut] = column === null ? [] : await client.ask(leftOutStatement(source, column), signal)
  const pin: DatabricksPin = { rules: found.columns.map(({ rule }) => rule), version, from, start: null }
  return {
    mode: request.mode,
    tableType: request.tableType,
    table: found.table,
    schema: rowSchemaOf(found),
    identity,
    schemaFingerprint: schemaFingerprint(found),
    range: column === null ? null : { column: column.name, lo, hi, overlapMs },
    before: [],
    changes: null,
    chunks: partsOf(rows, chunkRows, version === null ? 1 : undefined),
    rowsEstimate: rows,
    rowsReadAgain: overlap.readAgain,
    rowsLeftOut: Number(leftOut?.n ?? 0),
    pin,
    nextCursor: hi === null ? null : { hi, pin: { overlap: { overlapMs, rows: overlap.next } } },
  }
}

/** What a plan of rows (not of changes) reads. */
export function readingOf(catalog: string, plan: ReadPlan, pin: DatabricksPin): Reading {
  const columns = plan.schema.columns.map(({ name }, i) => ({ name, rule: pin.rules[i]! }))
  const table = quoteTable(catalog, plan.table)
  const column = columns.find(({ name }) => name === plan.range?.column)
  return {
    from: pin.version === null ? table : atVersion(table, pin.version),
    columns,
    range: column === undefined ? null : { column, from: pin.from, to: plan.range?.hi ?? null },
  }
}

const times: ReadonlySet<string> = new Set(['timestamp', 'timestamp_ntz', 'date'])

/** Throws `column_not_found` or `insert_time_column_invalid`. */
function timeColumn(found: FoundTable, { insertTimeColumn }: Pick<PlanRequest, 'insertTimeColumn'>): TableColumn {
  const column = found.columns.find(({ name }) => name === insertTimeColumn)
  if (column === undefined) throw columnNotFound(insertTimeColumn ?? '', found.table)
  if (times.has(column.rule)) return column
  throw new WarehouseError(
    'insert_time_column_invalid',
    `The column ${JSON.stringify(column.name).slice(0, 150)} has the type ${column.sourceType.slice(0, 60)}, which tells no time.`,
    'The insert time is a column of TIMESTAMP, TIMESTAMP_NTZ or DATE.',
  )
}
