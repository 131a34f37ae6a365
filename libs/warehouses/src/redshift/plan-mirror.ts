import { checkSchemaDrift } from '@millrace/domain/sync/schema-drift.ts'
import { checkDrift } from '../mirror/check-drift.ts'
import { cursorOf, type MirrorCursor, mirrorCursor } from '../mirror/mirror-cursor.ts'
import { resyncRequired } from '../mirror/resync-required.ts'
import { schemaFingerprint } from '../schema-fingerprint.ts'
import type { MirrorChanges, PlanRequest, ReadPlan, SyncCursor } from '../warehouse.ts'
import { checkMirror, type FoundTable, rowSchemaOf } from './catalog.ts'
import { changeFiles } from './file-contents.ts'
import { countStatement, type DiffParts, diffStatement, snapshotStatement } from './mirror-statements.ts'
import { chunksOf, columnNotFound, positionsOf, type RedshiftPin } from './plan-parts.ts'
import { ask } from './run-step.ts'
import { makeOnce, type Place, unload } from './set-aside.ts'
import { fingerprintOf, resultsName, snapshotName, staged } from './staging.ts'
import { prelude } from './statements.ts'

/** Which columns a snapshot holds beside the checksums; stands in the cursor. */
type Kept = { readonly identity: readonly string[]; readonly before: readonly string[] }

/**
 * Compares a table with what it was when the last run succeeded. One CREATE TABLE AS reads the table, so at one moment, and
 * writes what differs from the last snapshot; the next snapshot is the last one with the differences applied, so it is of
 * exactly the same moment although the table is not read again, whatever is written to it meanwhile and however Redshift
 * isolates transactions. A snapshot holds checksums, keys and the columns of the before-images, not the rows.
 *
 * Before anything is made: `schema_changed` unless only columns were added at the end; `resync_required` when the snapshot is gone
 * or the table is another one under the same name. Proved by test/redshift-mirror.test.ts.
 */
export async function planMirror(
  place: Place,
  request: PlanRequest,
  found: FoundTable,
  identity: readonly string[],
  signal: AbortSignal,
): Promise<ReadPlan> {
  checkMirror(found)
  const { runId, syncId } = request
  const kept = { identity, before: request.before.map(({ name }) => name) }
  const last = await checkLast(place, request, found, kept, signal)
  const what = fingerprintOf([found.table, found.oid, schemaFingerprint(found), kept, last?.snapshot ?? null])
  const inStaging = (name: string) => ({ schema: place.stagingSchema, name })
  const changes = inStaging(resultsName(runId, what))
  const snapshot = inStaging(snapshotName(syncId, runId, what))
  const parts = diffParts(found, kept, last === null ? null : inStaging(last.snapshot))
  const rules = found.columns.map(({ rule }) => rule)
  const diff = [...prelude(rules), diffStatement(parts, changes)]
  await makeOnce(place, { runId, table: changes, sqls: diff }, signal)
  await place.afterStep?.('set_aside')
  await makeOnce(place, { runId, table: snapshot, sqls: [snapshotStatement(parts, changes, snapshot)] }, signal)
  await place.afterStep?.('snapshot')
  const counted = countsOf(await ask(place.client, [countStatement(changes)], signal), last?.rows ?? 0)
  const before = last === null ? [] : parts.before.map((i) => rules[i]!)
  const rows = counted.inserts + counted.updates + counted.deletes
  const { path, files } = await unload(place, runId, 0, changeFiles(changes, rules, before, rows), signal)
  const pin: RedshiftPin = {
    runId,
    epoch: 0,
    results: changes.name,
    path,
    rules,
    before,
    snapshot: snapshot.name,
    lastSnapshot: last?.snapshot ?? null,
  }
  const schema = rowSchemaOf(found)
  const next = {
    snapshot: snapshot.name,
    at: runId,
    tableId: found.oid,
    schema,
    rows: counted.knownRows + counted.inserts - counted.deletes,
  }
  return {
    mode: request.mode,
    tableType: request.tableType,
    table: found.table,
    schema,
    identity,
    schemaFingerprint: schemaFingerprint(found),
    range: null,
    before: request.before,
    changes: counted,
    chunks: chunksOf(files, request.chunkRows),
    rowsEstimate: rows,
    rowsReadAgain: 0,
    rowsLeftOut: 0,
    pin,
    nextCursor: withKept(cursorOf(next), kept),
  }
}

function withKept({ hi, pin }: SyncCursor, kept: Kept): SyncCursor {
  return { hi, pin: { ...pin, kept } }
}

/** The last run's snapshot, when the table can be compared with it; null for a first run. */
async function checkLast(
  { client, stagingSchema }: Place,
  request: PlanRequest,
  found: FoundTable,
  kept: Kept,
  signal: AbortSignal,
): Promise<MirrorCursor | null> {
  const last = mirrorCursor(request.cursor)
  if (last === null) return null
  if (last.tableId !== found.oid) throw resyncRequired(found.table, 'table_recreated')
  const schema = rowSchemaOf(found)
  // Rows of another schema are never compared: what is kept of them are checksums.
  const mayContinue = checkSchemaDrift(last.schema, schema).kind !== 'stop'
  checkDrift(request, last, { schema, fingerprint: schemaFingerprint(found), mayContinue })
  const lastKept = request.cursor?.pin.kept as Kept | undefined
  if (
    lastKept === undefined ||
    fingerprintOf([lastKept.identity, lastKept.before]) !== fingerprintOf([kept.identity, kept.before])
  )
    throw resyncRequired(found.table, 'key_columns_changed')
  if ((await staged(client, stagingSchema, `${last.snapshot}$`, signal)).length === 0)
    throw resyncRequired(found.table, 'snapshot_gone')
  return last
}

function diffParts(found: FoundTable, { identity, before }: Kept, last: DiffParts['last']): DiffParts {
  const missing = before.find((name) => !found.columns.some((column) => column.name === name))
  if (missing !== undefined) throw columnNotFound(missing, found)
  return {
    table: found.table,
    columns: found.columns,
    identity: positionsOf(identity, found.columns),
    before: positionsOf(before, found.columns),
    last,
  }
}

function countsOf(rows: readonly (readonly unknown[])[], knownRows: number): MirrorChanges {
  const counts = new Map(rows.map(([op, count]) => [String(op), Number(count)]))
  const inserts = counts.get('i') ?? 0
  const updates = counts.get('u') ?? 0
  const deletes = counts.get('d') ?? 0
  const total = Number(rows.find(([op]) => op === 't')?.[2] ?? 0)
  return { inserts, updates, deletes, knownRows, identicalRows: total - (knownRows + inserts - deletes) }
}
