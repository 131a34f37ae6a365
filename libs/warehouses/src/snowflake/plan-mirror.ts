import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { columnNotFound, positionsOf } from '../columns-by-name.ts'
import { checkDrift } from '../mirror/check-drift.ts'
import { cursorOf, type MirrorCursor, mirrorCursor } from '../mirror/mirror-cursor.ts'
import { resyncRequired } from '../mirror/resync-required.ts'
import { schemaFingerprint } from '../schema-fingerprint.ts'
import { shown } from '../shown.ts'
import type { MirrorChanges, PlanRequest, ReadPlan } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { type FoundTable, findTable, rowSchemaOf } from './catalog.ts'
import { checkTracked, trackingError } from './change-tracking.ts'
import type { Rows } from './client.ts'
import {
  cloneStreamStatement,
  consumeStatement,
  countStatement,
  initialStreamStatement,
  streamAtStatement,
} from './mirror-statements.ts'
import { chunksOf, type Place, type SnowflakePin } from './plan-parts.ts'
import {
  findStream,
  fingerprintOf,
  initialPrefix,
  isTable,
  makeOnce,
  queryTag,
  runPrefix,
  streamPrefix,
} from './staging.ts'

/** What a mirror run follows. */
type Mirrored = {
  readonly found: FoundTable
  readonly identity: readonly string[]
  readonly before: readonly string[]
  readonly last: MirrorCursor | null
}

/**
 * Finds what has changed in a table since the last succeeded run by a stream of Snowflake's. Each run has a stream of its own: a
 * clone of the last run's, so at the place where that one stands. The run consumes its own into a table, in one transaction, and
 * reads that as often as needed; the last run's stream stays where it is until this run has succeeded. So a run that fails,
 * whenever and why ever, loses nothing: the next one begins again where the last succeeded one ended.
 *
 * A first run consumes a stream of all rows of the table, and leaves one that begins where that ended.
 *
 * Before anything is made: `schema_changed` unless only columns were added at the end; `resync_required` when the stream is gone
 * or stale, or the table is another one under the same name. Proved by test/snowflake-mirror.test.ts.
 */
export async function planMirror(
  place: Place,
  request: PlanRequest,
  found: FoundTable,
  identity: readonly string[],
  signal: AbortSignal,
): Promise<ReadPlan> {
  checkTracked(found)
  const before = request.before.map(({ name }) => name)
  const last = checkLast(request, { found, identity, before })
  const mirrored = { found, identity, before, last }
  const { client } = place
  const what = fingerprintOf([found.table, found.createdAt, schemaFingerprint(found), identity, before, last?.snapshot])
  const results = { schema: client.options.connectorSchema, name: `${runPrefix(request.runId)}${what}` }
  const stream = `${streamPrefix(request.runId)}${what}`
  try {
    if (last === null) await consumeFirst(place, request, mirrored, { what, results, stream }, signal)
    else await consumeNext(place, request, mirrored, { last: last.snapshot, results, stream }, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw trackingError(error, found, client.options.database)
  }
  await checkSame(place, found, signal)
  const counted = await client.ask(countStatement(client.options.database, results), signal)
  const changes = countsOf(counted, last?.rows ?? 0)
  const kept = await findStream(client, stream, signal)
  return planOf(request, mirrored, { results, stream, changes, staleAfter: kept?.stale_after ?? null })
}

type Objects = { readonly results: { readonly schema: string; readonly name: string }; readonly stream: string }

async function consumeFirst(
  place: Place,
  request: PlanRequest,
  mirrored: Mirrored,
  { what, results, stream }: Objects & { readonly what: string },
  signal: AbortSignal,
): Promise<void> {
  const { client } = place
  const { database, connectorSchema: schema } = client.options
  const tag = queryTag(request.runId)
  const { found } = mirrored
  const initial = { schema, name: `${initialPrefix(request.runId)}${what}` }
  if (!(await isTable(client, results.name, signal))) {
    await client.ask(initialStreamStatement({ database, stream: initial }, found), signal, tag)
    await place.afterStep?.('stream')
    await consume(place, request, mirrored, { results, stream: initial.name }, signal)
  }
  await client.ask(streamAtStatement({ database, stream: { schema, name: stream } }, found, initial), signal, tag)
}

async function consumeNext(
  place: Place,
  request: PlanRequest,
  mirrored: Mirrored,
  { last, results, stream }: Objects & { readonly last: string },
  signal: AbortSignal,
): Promise<void> {
  const { client } = place
  const { database, connectorSchema: schema } = client.options
  const { table } = mirrored.found
  const kept = await findStream(client, last, signal)
  if (kept === undefined || kept.stale?.toLowerCase() === 'true') throw resyncRequired(table, 'stream_stale')
  const sql = cloneStreamStatement({ database, stream: { schema, name: stream } }, { schema, name: last })
  const isThere = async () => (await findStream(client, stream, signal)) !== undefined
  await makeOnce(client, { sql, tag: queryTag(request.runId), isThere }, signal)
  await place.afterStep?.('stream')
  await consume(place, request, mirrored, { results, stream }, signal)
}

async function consume(
  place: Place,
  { runId }: PlanRequest,
  { found, identity, before }: Mirrored,
  { results, stream }: Objects,
  signal: AbortSignal,
): Promise<void> {
  const { client } = place
  const { database, connectorSchema: schema } = client.options
  const missing = before.find((name) => !found.columns.some((column) => column.name === name))
  if (missing !== undefined) throw columnNotFound(missing, found.table)
  const parts = {
    database,
    stream: { schema, name: stream },
    columns: found.columns,
    identity: positionsOf(identity, found.columns),
    before: positionsOf(before, found.columns),
  }
  const isThere = () => isTable(client, results.name, signal)
  await makeOnce(client, { sql: consumeStatement(parts, results), tag: queryTag(runId), isThere }, signal)
  await place.afterStep?.('set_aside')
}

function planOf(
  request: PlanRequest,
  { found, identity, before, last }: Mirrored,
  { results, stream, changes, staleAfter }: Objects & { changes: MirrorChanges; staleAfter: string | null },
): ReadPlan {
  const rules = found.columns.map(({ rule }) => rule)
  const pin: SnowflakePin = {
    runId: request.runId,
    results: results.name,
    rules,
    before: positionsOf(before, found.columns).map((i) => rules[i]!),
    stream,
    lastStream: last?.snapshot ?? null,
  }
  const rows = Math.max(0, changes.knownRows + changes.inserts - changes.deletes)
  const expiresAt = staleAfter === null ? Number.NaN : Date.parse(staleAfter)
  const next = {
    snapshot: stream,
    // Streams have no moment in Snowflake's own words: that of the run's statement.
    at: request.runId,
    tableId: found.createdAt,
    schema: mirroredSchema(found, identity),
    rows,
    ...(Number.isFinite(expiresAt) ? { expiresAt } : {}),
  }
  const { hi, pin: nextPin } = cursorOf(next)
  const total = changes.inserts + changes.updates + changes.deletes
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
    chunks: chunksOf(total, request.chunkRows),
    rowsEstimate: total,
    rowsReadAgain: 0,
    rowsLeftOut: 0,
    pin,
    nextCursor: { hi, pin: { ...nextPin, before } },
  }
}

/** What the last run left, when its stream can be followed; null for a first run. */
function checkLast(request: PlanRequest, { found, identity, before }: Omit<Mirrored, 'last'>): MirrorCursor | null {
  const last = mirrorCursor(request.cursor)
  if (last === null) return null
  if (last.tableId !== found.createdAt) throw resyncRequired(found.table, 'table_recreated')
  const schema = mirroredSchema(found, identity)
  checkDrift(request, last, {
    schema,
    fingerprint: schemaFingerprint(found),
    mayContinue: isSameKey(last.schema, schema),
  })
  if (JSON.stringify(request.cursor?.pin.before) !== JSON.stringify(before))
    throw resyncRequired(found.table, 'key_columns_changed')
  return last
}

/** Rows are found by their keys: with another key nobody knows which of those that were sent is meant. */
function isSameKey(old: RowSchema, now: RowSchema): boolean {
  const typed = ({ key, columns }: RowSchema) =>
    JSON.stringify(key.map((name) => [name, columns.find((column) => column.name === name)?.type]))
  return typed(old) === typed(now)
}

/** The key of a mirrored table is what its rows are found by. */
function mirroredSchema(found: FoundTable, identity: readonly string[]): RowSchema {
  return { ...rowSchemaOf(found), key: identity }
}

/** A table that was altered or made anew between the look at its columns and the consumption: the plan is made again. */
async function checkSame({ client }: Place, found: FoundTable, signal: AbortSignal): Promise<void> {
  const again = await findTable(client, found.table, signal)
  if (again.createdAt === found.createdAt && schemaFingerprint(again) === schemaFingerprint(found)) return
  throw new WarehouseError(
    'snapshot_conflict',
    `${shown(found.table)} was altered while the run looked at it.`,
    'It is tried again.',
  )
}

function countsOf(rows: Rows, knownRows: number): MirrorChanges {
  const counts = new Map(rows.map(([op, count]) => [op, Number(count)]))
  const identicalRows = rows.reduce((sum, [, , copies]) => sum + Number(copies ?? 0), 0)
  return {
    inserts: counts.get('i') ?? 0,
    updates: counts.get('u') ?? 0,
    deletes: counts.get('d') ?? 0,
    knownRows,
    identicalRows,
  }
}
