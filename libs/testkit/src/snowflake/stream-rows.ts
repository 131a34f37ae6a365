import { shownPlace } from './catalog.ts'
import type { StoredObject, StoredStream, StoredTable, StoredView } from './catalog-objects.ts'
import { duckIdentifier, literal } from './names.ts'
import { visibleAt } from './row-versions.ts'
import type { Travel } from './scope.ts'
import type { Session } from './session.ts'
import { notModelled, notThere, SnowflakeError } from './snowflake-error.ts'
import { travelVersion } from './time-travel.ts'
import type { Transaction } from './transactions.ts'
import { viewRowsAt } from './view-rows.ts'
import type { World } from './world.ts'

const dayMs = 86_400_000

type Range = { readonly from: number; readonly to: number }

/**
 * SQL for what a stream holds: the net changes of its table from its offset to now, or to the beginning of the transaction.
 * https://docs.snowflake.com/en/user-guide/streams-intro
 */
export async function streamRows(
  world: World,
  session: Session,
  transaction: Transaction | null,
  stream: StoredStream,
): Promise<string> {
  const source = sourceOf(world, stream)
  if (source === null) throw baseDropped(stream)
  if (!world.catalog.may(session, 'SELECT', source)) throw notThere('Object', shownPlace(source))
  if (staleAfter(world, stream, source) <= world.now()) throw stale(stream)
  checkTracked(world, source, stream.offset)
  const to = transaction?.startVersion ?? world.transactions.version
  const { offset, mode, isInitial } = stream
  if (isInitial) return initialRows(world, source, offset)
  return changed(world, source, { from: offset, to }, mode)
}

/** What CHANGES (INFORMATION => …) gives. */
export async function changesRows(
  world: World,
  session: Session,
  object: StoredObject,
  travel: Travel,
): Promise<string> {
  if (object.kind === 'STREAM' || travel.at === null || travel.changes === null) throw notModelled('CHANGES')
  const from = await travelVersion(world, session, travel.at, object)
  const to = travel.end === null ? world.transactions.version : await travelVersion(world, session, travel.end, object)
  checkTracked(world, object, from)
  return changed(world, object, { from, to }, travel.changes)
}

/** The table or view of a stream; null when it was dropped or made again. */
export function sourceOf({ catalog }: World, { source, sourceId }: StoredStream): StoredTable | StoredView | null {
  const { database, schema, name } = source
  const found = catalog.databases.get(database)?.schemas.get(schema)?.objects.get(name)
  return found === undefined || found.kind === 'STREAM' || found.id !== sourceId ? null : found
}

/** When a stream can no longer be read unless it is consumed before. */
export function staleAfter(world: World, stream: StoredStream, source: StoredTable | StoredView): number {
  const tables = source.kind === 'TABLE' ? [source] : tablesUnder(world, source)
  const days = tables.map(({ retentionDays, extensionDays }) => Math.max(retentionDays, extensionDays))
  return stream.offsetAt + Math.min(...days) * dayMs
}

/** The tables that a view reads, through other views as well. */
export function tablesUnder(world: World, view: StoredView): readonly StoredTable[] {
  return view.reads.flatMap(({ database, schema, name }) => {
    const found = world.catalog.databases.get(database)?.schemas.get(schema)?.objects.get(name)
    if (found === undefined || found.kind === 'STREAM') throw notThere('Object', shownPlace({ database, schema, name }))
    return found.kind === 'TABLE' ? [found] : tablesUnder(world, found)
  })
}

/** Throws unless changes were kept from a version on, of a view also in the tables behind it. */
export function checkTracked(world: World, source: StoredTable | StoredView, from: number): void {
  const needed = source.kind === 'TABLE' ? [source] : [source, ...tablesUnder(world, source)]
  const missing = needed.find(({ trackedSince }) => trackedSince === null || trackedSince > from)
  if (missing === undefined) return
  throw new SnowflakeError(
    '000707',
    '02000',
    `SQL compilation error:\nChange tracking is not enabled or has been missing for the time range requested on ${missing.kind.toLowerCase()} '${shownPlace(missing)}'.`,
  )
}

function baseDropped({ source, sourceKind, name }: StoredStream): SnowflakeError {
  const kind = sourceKind.toLowerCase()
  return new SnowflakeError(
    '091901',
    '01S01',
    `Base ${kind} '${shownPlace(source)}' dropped, cannot read from stream '${name}'.`,
  )
}

function stale(stream: StoredStream): SnowflakeError {
  const place = shownPlace(stream)
  return new SnowflakeError(
    '091931',
    '55000',
    `SQL execution error: Stream ${place} has become stale and cannot be read. The stream must be recreated.`,
  )
}

function metadata(action: string, isUpdate: string, source: StoredTable | StoredView): string {
  return `${action} AS "METADATA$ACTION", ${isUpdate} AS "METADATA$ISUPDATE", sha1(${literal(`${source.id}:`)} || CAST("~RID" AS VARCHAR)) AS "METADATA$ROW_ID"`
}

async function initialRows(world: World, source: StoredTable | StoredView, at: number): Promise<string> {
  const rows = source.kind === 'VIEW' ? await viewRowsAt(world, source, at) : tableRowsAt(source, at)
  return `SELECT ${columnsOf(source)}, ${metadata("'INSERT'", 'false', source)} FROM (${rows})`
}

async function changed(
  world: World,
  source: StoredTable | StoredView,
  range: Range,
  mode: 'DEFAULT' | 'APPEND_ONLY',
): Promise<string> {
  const sides = source.kind === 'TABLE' ? tableSides(source, range) : await viewSides(world, source, range)
  const columns = columnsOf(source)
  if (mode === 'APPEND_ONLY') {
    if (source.kind === 'VIEW') throw notModelled('APPEND_ONLY on a view')
    return `SELECT ${columns}, ${metadata("'INSERT'", 'false', source)} FROM (${appended(source, range)})`
  }
  const isUpdate = (other: string) => `"~RID" IN (SELECT "~RID" FROM ${other})`
  return `WITH "~OLD" AS MATERIALIZED (${sides.old}), "~NEW" AS MATERIALIZED (${sides.now})
    SELECT ${columns}, ${metadata("'DELETE'", isUpdate('"~NEW"'), source)} FROM "~OLD"
    UNION ALL SELECT ${columns}, ${metadata("'INSERT'", isUpdate('"~OLD"'), source)} FROM "~NEW"`
}

function columnsOf({ columns }: StoredTable | StoredView): string {
  return columns.map(({ name }) => duckIdentifier(name)).join(', ')
}

function storedColumns({ columns }: StoredTable): string {
  return ['"~RID"', ...columns.map(({ name, physical }) => `${physical} AS ${duckIdentifier(name)}`)].join(', ')
}

function tableRowsAt(table: StoredTable, version: number): string {
  return `SELECT ${storedColumns(table)} FROM ${table.physical} WHERE ${visibleAt(version, 0)}`
}

/** Rows as they were at the one end that are not so at the other. */
function tableSides(table: StoredTable, { from, to }: Range): { readonly old: string; readonly now: string } {
  const select = `SELECT ${storedColumns(table)} FROM ${table.physical}`
  return {
    old: `${select} WHERE "~FROM" BETWEEN 0 AND ${from} AND "~TO" > ${from} AND "~TO" <= ${to}`,
    now: `${select} WHERE "~FROM" > ${from} AND "~FROM" <= ${to} AND ("~TO" IS NULL OR "~TO" < 0 OR "~TO" > ${to})`,
  }
}

/** Rows as they were first inserted, also those that are gone by now. */
function appended(table: StoredTable, { from, to }: Range): string {
  const first = 'row_number() OVER (PARTITION BY "~RID" ORDER BY "~FROM")'
  return `SELECT * FROM (SELECT ${storedColumns(table)}, "~FROM", ${first} AS "~NTH" FROM ${table.physical}
    WHERE "~FROM" BETWEEN 0 AND ${to}) WHERE "~NTH" = 1 AND "~FROM" > ${from}`
}

async function viewSides(
  world: World,
  view: StoredView,
  { from, to }: Range,
): Promise<{ readonly old: string; readonly now: string }> {
  const [before, after] = [await viewRowsAt(world, view, from), await viewRowsAt(world, view, to)]
  const missingIn = (a: string, b: string) => `SELECT a.* FROM (${a}) AS a ANTI JOIN (${b}) AS b USING ("~RID", "~VER")`
  return { old: missingIn(before, after), now: missingIn(after, before) }
}
