import type pg from 'pg'
import { schemaFingerprint } from '../schema-fingerprint.ts'
import { shown } from '../shown.ts'
import type { PlanRequest, ReadPlan, SyncCursor } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { type FoundTable, findTable, rowSchemaOf } from './catalog.ts'
import { quoteIdentifier, quoteTable } from './identifiers.ts'
import { countOverlap, countReadAgain, overlapOf } from './overlap.ts'
import { planChunks } from './plan-chunks.ts'
import { type MirrorPlace, planMirror } from './plan-mirror.ts'

/** Rows without an insert time are counted up to here, so that a wrong column is noticed without a long scan of an index. */
const rowsWithoutTimeMax = 1_000_000

/**
 * Fixes what a run reads, inside the transaction whose snapshot all of its chunks will see.
 *
 * Exactness, per mode:
 * - full, one_time: the rows of one snapshot, each once.
 * - append: the rows of one snapshot with lo - overlap < t <= hi, where hi is the latest finite insert time *in that
 *   snapshot*, in full precision. A row that commits later with a time below hi is read by the next run if its time is
 *   within the overlap, which is at least one step of the column's resolution (a day for dates); rows read again have
 *   the same ids and change nothing, and the plan says how many they are. Rows whose insert time is NULL or infinite are
 *   never read: their number stands in the plan as well.
 *
 * The transaction holds ACCESS SHARE on the table, so that its columns stay as planned while the pin lives.
 * Proved by test/postgres-append.test.ts and test/postgres-snapshot.test.ts.
 */
export async function planRead(client: pg.Client, request: PlanRequest): Promise<ReadPlan> {
  const found = await findTable(client, request.table)
  await lockForReading(client, found)
  const identity = identityOf(request, found)
  const range = request.mode === 'append' ? await appendRange(client, found, request) : null
  const empty = range !== null && range.hi === null
  const distinct = request.tableType === 'events' && identity.length === 0
  const { chunks, rowsEstimate } = empty
    ? { chunks: [], rowsEstimate: 0 }
    : await planChunks(client, found, range, request.chunkRows)
  return {
    mode: request.mode,
    tableType: request.tableType,
    table: found.table,
    schema: rowSchemaOf(found),
    identity,
    schemaFingerprint: schemaFingerprint(found),
    range,
    before: [],
    changes: null,
    chunks,
    rowsEstimate,
    rowsReadAgain:
      range === null ? 0 : await countReadAgain(client, found, range, { cursor: request.cursor, distinct }),
    rowsLeftOut: range === null ? 0 : await countRowsWithoutTime(client, found, range.column),
    pin: { rules: found.columns.map((column) => column.rule) },
    nextCursor: range === null ? null : await nextCursor(client, found, range, distinct),
  }
}

/** Compares a table for a mirror run (plan-mirror.ts), with the same look at it and the same lock. */
export async function planMirrorRead(place: MirrorPlace, request: PlanRequest): Promise<ReadPlan> {
  const { client } = place.session
  const found = await findTable(client, request.table)
  await lockForReading(client, found)
  return await planMirror(place, request, found, identityOf(request, found))
}

async function nextCursor(
  client: pg.Client,
  found: FoundTable,
  { column, hi, overlapMs }: NonNullable<ReadPlan['range']>,
  distinct: boolean,
): Promise<SyncCursor | null> {
  if (hi === null) return null
  return { hi, pin: { overlap: await countOverlap(client, found, { column, hi, overlapMs, distinct }) } }
}

/** Throws `schema_changed` when the table is no longer as planned. */
export async function checkUnchanged(client: pg.Client, plan: ReadPlan): Promise<void> {
  const found = await findTable(client, plan.table)
  await lockForReading(client, found)
  if (schemaFingerprint(found) === plan.schemaFingerprint) return
  throw new WarehouseError(
    'schema_changed',
    `The columns of ${shown(plan.table)} were changed while the run read it.`,
    'Start the sync again: the next run reads the table as it is now.',
  )
}

/** Reading nothing of the columns takes the lock, and shows a missing permission before anything is published. */
async function lockForReading(client: pg.Client, { table, columns }: FoundTable): Promise<void> {
  await client.query(
    `SELECT ${columns.map(({ name }) => quoteIdentifier(name)).join(', ')} FROM ${quoteTable(table)} LIMIT 0`,
  )
}

function identityOf({ identity, table }: PlanRequest, { columns, key }: FoundTable): readonly string[] {
  for (const name of identity) {
    if (!columns.some((column) => column.name === name)) throw columnNotFound(name, table)
  }
  return identity.length > 0 ? identity : key
}

async function appendRange(client: pg.Client, found: FoundTable, request: PlanRequest): Promise<ReadPlan['range']> {
  const name = request.insertTimeColumn
  const column = found.columns.find((each) => each.name === name)
  if (name === null || column === undefined) throw columnNotFound(name ?? '', request.table)
  if (column.rule !== 'timestamp' && column.rule !== 'date') {
    throw new WarehouseError(
      'insert_time_column_invalid',
      `The column ${JSON.stringify(name)} has the type ${column.sourceType}, which tells no time.`,
      'Choose a column of type timestamptz, timestamp or date.',
    )
  }
  const lo = request.cursor?.hi ?? null
  const latest = await latestTime(client, found, name)
  // The latest row may be gone since the last run; what was read stays read.
  const hi = lo === null ? latest : latest === null ? lo : await later(client, lo, latest)
  return { column: name, lo, hi, overlapMs: overlapOf(column.sourceType, request.overlapMs) }
}

async function latestTime(client: pg.Client, found: FoundTable, name: string): Promise<string | null> {
  const column = quoteIdentifier(name)
  const { rows } = await client.query<{ hi: string | null }>(
    `SELECT max(${column})::text AS hi FROM ${quoteTable(found.table)} WHERE ${column} < 'infinity' AND ${column} > '-infinity'`,
  )
  return rows[0]?.hi ?? null
}

async function later(client: pg.Client, a: string, b: string): Promise<string> {
  const { rows } = await client.query<{ isLater: boolean }>('SELECT $1::timestamptz > $2::timestamptz AS "isLater"', [
    a,
    b,
  ])
  return rows[0]?.isLater ? a : b
}

async function countRowsWithoutTime(client: pg.Client, found: FoundTable, name: string): Promise<number> {
  const column = quoteIdentifier(name)
  const { rows } = await client.query<{ n: string }>(
    `SELECT count(*)::text AS n FROM (SELECT 1 FROM ${quoteTable(found.table)}
      WHERE ${column} IS NULL OR ${column} = 'infinity' OR ${column} = '-infinity' LIMIT $1) AS without`,
    [rowsWithoutTimeMax],
  )
  return Number(rows[0]?.n ?? 0)
}

function columnNotFound(name: string, table: { schema: string; name: string }): WarehouseError {
  return new WarehouseError(
    'column_not_found',
    `${shown(table)} has no column ${JSON.stringify(name).slice(0, 150)} that the role may read.`,
    'It was dropped or renamed, or its SELECT was revoked: correct the sync.',
  )
}
