import { randomBytes } from 'node:crypto'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { checkSchemaDrift } from '@millrace/domain/sync/schema-drift.ts'
import { positionsOf } from '../columns-by-name.ts'
import { checkDrift } from '../mirror/check-drift.ts'
import type { KeptReader } from '../mirror/kept.ts'
import { cursorOf, type MirrorCursor, mirrorCursor } from '../mirror/mirror-cursor.ts'
import { resyncRequired } from '../mirror/resync-required.ts'
import { schemaFingerprint } from '../schema-fingerprint.ts'
import type { ChunkSpec, MirrorChanges, PlanRequest, ReadPlan } from '../warehouse.ts'
import { bitsFor, bitsMax, type FoundDigest, foldDigests, packHead } from './bucket-digests.ts'
import { type FoundTable, rowSchemaOf } from './catalog.ts'
import { type ChangesBlob, ChangesWriter } from './changes-writer.ts'
import { compareBuckets } from './compare-buckets.ts'
import type { Session } from './connect.ts'
import { KeptBuckets } from './kept-buckets.ts'
import { checkMirrorTable, checkRowCount } from './mirror-limits.ts'
import { type Compared, digestsStatement } from './mirror-statements.ts'

/** Where a mirrored table is compared. */
export type MirrorPlace = {
  readonly session: Session
  readonly kept: KeptReader
  /** Rows of a table that is mirrored at most. */
  readonly rowsMax: number
}

/**
 * Compares a table with what it was when the last run succeeded, inside of one transaction whose snapshot all statements see, and sets what
 * differs aside at Millrace: nothing can be written at the user's, and a snapshot of Postgres does not outlive its connection. So chunks are
 * read without a pin, and a run whose extractor dies goes on with exactly the changes that were found.
 *
 * One query over the table gives a digest for each bucket of rows. Only buckets whose digest is not the kept one are looked into:
 * their rows' identities and checksums are compared with the kept ones, then the changed rows are read by their places.
 *
 * Before anything is read or written: `schema_changed` unless only columns were added at the end; `resync_required` when what was kept
 * is gone, or the table is another one under the same name. Proved by test/postgres-mirror*.test.ts.
 */
export async function planMirror(
  place: MirrorPlace,
  request: PlanRequest,
  found: FoundTable,
  identity: readonly string[],
): Promise<ReadPlan> {
  const { session, kept, rowsMax } = place
  const { keep } = request
  if (keep === undefined) throw new Error('a mirror of Postgres needs a place to keep checksums')
  const { hasParts } = await checkMirrorTable(session.client, found, rowsMax)
  const last = checkLast(request, found, identity)
  const before = positionsOf(
    request.before.map(({ name }) => name),
    found.columns,
  )
  const compared: Compared = {
    table: found.table,
    columns: found.columns,
    identity: positionsOf(identity, found.columns),
  }
  const buckets = last === null ? null : await KeptBuckets.open(kept, last.snapshot, found.table, identity.length > 0)
  await settleSession(session)
  const salts = buckets?.head.salts ?? [salt(), salt()]
  const digests = await readDigests(session, compared, salts)
  const total = digests.reduce((sum, { n }) => sum + Number(n), 0)
  checkRowCount(found.table, total, rowsMax)
  const bits = bitsFor(total, buckets?.head.bits ?? null)
  const writer = new ChangesWriter(keep)
  const after = await compareBuckets(
    { rows: { session, compared, before, hasParts, writer }, keep, last: buckets },
    bits,
    foldDigests(digests, bits),
  )
  await writer.flush()
  const head = await packHead({ bits, salts, digests: after.digests, rows: after.rows })
  const set = await keep.putSet({ head, blobs: after.blobs })
  const { insert, update, delete: removed } = writer.counts
  const rows = after.rows.reduce((sum, count) => sum + count, 0)
  const knownRows = last?.rows ?? 0
  const changes = { inserts: insert, updates: update, deletes: removed, knownRows, identicalRows: total - rows }
  return planOf(request, found, identity, changes, { set, rows, blobs: writer.blobs })
}

type Made = { readonly set: string; readonly rows: number; readonly blobs: readonly ChangesBlob[] }

function planOf(
  request: PlanRequest,
  found: FoundTable,
  identity: readonly string[],
  changes: MirrorChanges,
  { set, rows, blobs }: Made,
): ReadPlan {
  const next = {
    snapshot: set,
    at: request.runId,
    tableId: String(found.oid),
    schema: mirroredSchema(found, identity),
    rows,
  }
  const { hi, pin } = cursorOf(next)
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
    chunks: chunksOf(blobs, request.chunkRows),
    rowsEstimate: changes.inserts + changes.updates + changes.deletes,
    rowsReadAgain: 0,
    rowsLeftOut: 0,
    pin: { rules: found.columns.map(({ rule }) => rule) },
    nextCursor: { hi, pin: { ...pin, before: request.before.map(({ name }) => name) } },
  }
}

/** The last run's cursor, when the table can be compared with it; null for a first run. */
function checkLast(request: PlanRequest, found: FoundTable, identity: readonly string[]): MirrorCursor | null {
  const last = mirrorCursor(request.cursor)
  if (last === null) return null
  if (last.tableId !== String(found.oid)) throw resyncRequired(found.table, 'table_recreated')
  const schema = mirroredSchema(found, identity)
  // Only new columns are allowed: what is kept of the rows of another schema are checksums.
  const mayContinue = checkSchemaDrift(last.schema, schema).kind !== 'stop'
  checkDrift(request, last, { schema, fingerprint: schemaFingerprint(found), mayContinue })
  const before = request.before.map(({ name }) => name)
  if (JSON.stringify(request.cursor?.pin.before) !== JSON.stringify(before))
    throw resyncRequired(found.table, 'key_columns_changed')
  return last
}

/** The key of a mirrored table is what its rows are found by. */
function mirroredSchema(found: FoundTable, identity: readonly string[]): RowSchema {
  return { ...rowSchemaOf(found), key: identity }
}

/** For sorting rows' checksums; and a cursor is read to its end. */
async function settleSession({ client }: Session): Promise<void> {
  await client.query(
    `SELECT set_config('work_mem', '64MB', true), set_config('cursor_tuple_fraction', '1', true),
      set_config('statement_timeout', '${statementMs}', true)`,
  )
}

/** One pass over the largest table that is mirrored. */
const statementMs = 2 * 3600_000

async function readDigests(
  { client }: Session,
  compared: Compared,
  salts: readonly [string, string],
): Promise<readonly FoundDigest[]> {
  const { rows } = await client.query<FoundDigest>(digestsStatement(compared, bitsMax), [...salts])
  return rows
}

/** Blobs are joined to chunks of about `chunkRows`. */
function chunksOf(blobs: readonly ChangesBlob[], chunkRows: number): readonly ChunkSpec[] {
  const chunks: { blobs: string[]; rows: number }[] = []
  for (const { blob, rows } of blobs) {
    const open = chunks.at(-1)
    if (open === undefined || open.rows + rows > chunkRows) chunks.push({ blobs: [blob], rows })
    else {
      open.blobs.push(blob)
      open.rows += rows
    }
  }
  return chunks
}

function salt(): string {
  return String(randomBytes(8).readBigInt64BE())
}
