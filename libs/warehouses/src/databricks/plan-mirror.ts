import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { checkSchemaDrift } from '@millrace/domain/sync/schema-drift.ts'
import { columnNotFound, positionsOf } from '../columns-by-name.ts'
import { checkDrift } from '../mirror/check-drift.ts'
import { cursorOf, type MirrorCursor, mirrorCursor } from '../mirror/mirror-cursor.ts'
import { resyncRequired } from '../mirror/resync-required.ts'
import { schemaFingerprint } from '../schema-fingerprint.ts'
import { shown } from '../shown.ts'
import type { MirrorChanges, PlanRequest, ReadPlan } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { type Catalog, type FoundTable, rowSchemaOf } from './catalog.ts'
import { quoteTable } from './identifiers.ts'
import { changeCountStatement, type MirrorReading } from './mirror-statements.ts'
import type { Versioned } from './plan.ts'
import { type DatabricksPin, partsOf, pinOf } from './plan-parts.ts'
import { atVersion, sizeStatement } from './statements.ts'
import { type DeltaTable, deltaTable } from './table-versions.ts'

/**
 * Sums up what the change data feed says between the version at which the last run ended and that of this one. Both are fixed, Delta
 * keeps them, and nothing is consumed by reading: chunks are read from the feed itself, as often as needed, and there is nothing to
 * clean up. The first run reads the table at its version.
 *
 * `schema_changed` unless only columns were added at the end; `resync_required` when versions or their changes are gone, or the table is
 * another one under the same name. Proved by test/databricks-live.test.ts.
 */
export async function planMirror(
  place: Catalog,
  request: PlanRequest,
  { found, version, at }: Versioned,
  identity: readonly string[],
  signal: AbortSignal,
): Promise<ReadPlan> {
  if (version === null) throw notMirrored(found)
  const before = request.before.map(({ name }) => name)
  const delta = await deltaTable(place, found.table, signal)
  checkFeed(place, found, delta)
  const last = checkLast(request, { found, identity, before, delta, version })
  const pin: DatabricksPin = {
    rules: found.columns.map(({ rule }) => rule),
    version,
    from: null,
    start: last === null ? null : Number(last.snapshot),
  }
  const reading = mirrorReading(place.catalog, found, { identity, before }, pin)
  const changes = await countChanges(place, reading, last?.rows ?? 0, found, signal)
  const rows = changes.inserts + changes.updates + changes.deletes
  const next = cursorOf({
    snapshot: String(version),
    at: new Date(at).toISOString(),
    tableId: delta.id,
    schema: mirroredSchema(found, identity),
    rows: changes.knownRows + changes.inserts - changes.deletes,
    ...(delta.keptMs === null ? {} : { expiresAt: at + delta.keptMs }),
  })
  return {
    mode: request.mode,
    tableType: request.tableType,
    table: found.table,
    schema: rowSchemaOf(found),
    identity,
    schemaFingerprint: schemaFingerprint(found),
    range: null,
    before: request.before,
    changes,
    chunks: partsOf(rows, request.chunkRows),
    rowsEstimate: rows,
    rowsReadAgain: 0,
    rowsLeftOut: 0,
    pin,
    nextCursor: { hi: next.hi, pin: { ...next.pin, before } },
  }
}

/**
 * Throws `resync_required` unless a plan still reads what it read when it was made: the versions and their changes are there, and
 * the table was not made anew.
 */
export async function checkMirrored(place: Catalog, plan: ReadPlan, signal: AbortSignal): Promise<void> {
  const { id } = await deltaTable(place, plan.table, signal)
  if (id !== mirrorCursor(plan.nextCursor)?.tableId) throw resyncRequired(plan.table, 'table_recreated')
  const reading = readingOfPlan(place.catalog, plan)
  const { table, start, end } = reading
  if (start === end) return
  const first = sizeStatement({ from: atVersion(table, end), range: null })
  try {
    await place.client.ask(start === null ? first : changeCountStatement(reading), signal)
  } catch (error) {
    const isGone = (error as { code?: string }).code === 'pin_lost'
    throw isGone ? resyncRequired(plan.table, 'changes_gone', error) : error
  }
}

/** What a plan of changes reads, from the plan alone. */
export function readingOfPlan(catalog: string, plan: ReadPlan): MirrorReading {
  const pin = pinOf(plan)
  const columns = plan.schema.columns.map(({ name }, i) => ({ name, rule: pin.rules[i]! }))
  const names = { identity: plan.identity, before: plan.before.map(({ name }) => name) }
  return readingFor(quoteTable(catalog, plan.table), columns, names, pin)
}

type Named = { readonly identity: readonly string[]; readonly before: readonly string[] }

function mirrorReading(catalog: string, found: FoundTable, names: Named, pin: DatabricksPin): MirrorReading {
  const missing = names.before.find((name) => !found.columns.some((column) => column.name === name))
  if (missing !== undefined) throw columnNotFound(missing, found.table)
  return readingFor(quoteTable(catalog, found.table), found.columns, names, pin)
}

function readingFor(
  table: string,
  columns: MirrorReading['columns'],
  { identity, before }: Named,
  { start, version }: DatabricksPin,
): MirrorReading {
  if (version === null) throw new Error('the plan is not one of a mirror run')
  return {
    table,
    columns,
    identity: positionsOf(identity, columns),
    before: positionsOf(before, columns),
    start,
    end: version,
  }
}

async function countChanges(
  { client }: Catalog,
  reading: MirrorReading,
  knownRows: number,
  found: FoundTable,
  signal: AbortSignal,
): Promise<MirrorChanges> {
  const { table, start, end } = reading
  const size = sizeStatement({ from: atVersion(table, end), range: null })
  const [total] = await client.ask(size, signal)
  // The feed refuses to be asked about no version at all.
  const rows = start === end ? [] : await client.ask(changeCountStatement(reading), signal).catch(gone(found, start))
  const counts = new Map(rows.map(({ op, n }) => [op, Number(n)]))
  const inserts = counts.get('insert') ?? 0
  const updates = counts.get('update') ?? 0
  const deletes = counts.get('delete') ?? 0
  const identicalRows = Number(total?.n ?? 0) - (knownRows + inserts - deletes)
  return { inserts, updates, deletes, knownRows, identicalRows }
}

/** Versions that are gone stay gone: trying again would not help. */
function gone(found: FoundTable, start: number | null) {
  return (error: unknown): never => {
    const isGone = start !== null && (error as { code?: string }).code === 'pin_lost'
    throw isGone ? resyncRequired(found.table, 'changes_gone', error) : error
  }
}

type Now = Named & { readonly found: FoundTable; readonly delta: DeltaTable; readonly version: number }

/** The last run's cursor, when the table can be followed from there; null for a first run. */
function checkLast(request: PlanRequest, { found, identity, before, delta, version }: Now): MirrorCursor | null {
  const last = mirrorCursor(request.cursor)
  if (last === null) return null
  if (last.tableId !== delta.id || version < Number(last.snapshot)) throw resyncRequired(found.table, 'table_recreated')
  const schema = mirroredSchema(found, identity)
  // The feed tells the rows of changed ones only: what an altered column does to all others it does not.
  checkDrift(request, last, {
    schema,
    fingerprint: schemaFingerprint(found),
    mayContinue: checkSchemaDrift(last.schema, schema).kind !== 'stop',
  })
  if (JSON.stringify(request.cursor?.pin.before) !== JSON.stringify(before))
    throw resyncRequired(found.table, 'key_columns_changed')
  return last
}

/** The key of a mirrored table is what its rows are found by. */
function mirroredSchema(found: FoundTable, identity: readonly string[]): RowSchema {
  return { ...rowSchemaOf(found), key: identity }
}

function checkFeed({ catalog }: Catalog, { table }: FoundTable, { hasChangeFeed }: DeltaTable): void {
  if (hasChangeFeed) return
  throw new WarehouseError(
    'mode_not_supported',
    `The change data feed of ${shown(table)} is not enabled, so its changes cannot be followed.`,
    `Run: ${feedStatement(catalog, table)}`,
  )
}

/** The statement that has a table record its changes, from its next version on. */
export function feedStatement(catalog: string, table: FoundTable['table']): string {
  return `ALTER TABLE ${quoteTable(catalog, table)} SET TBLPROPERTIES (delta.enableChangeDataFeed = true);`
}

function notMirrored({ table, kind }: FoundTable): WarehouseError {
  const what = kind === 'table' ? 'is not a Delta table' : 'is a view'
  return new WarehouseError(
    'mode_not_supported',
    `${shown(table)} ${what}, which cannot be mirrored: it has no change data feed.`,
    'Mirror the Delta table behind it, or materialise the view as one that is changed and not made anew.',
  )
}
