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
import { checkMirror, type FoundTable, findTable, rowSchemaOf } from './catalog.ts'
import type { Rows } from './client.ts'
import { changeFiles } from './file-contents.ts'
import { quoteTable } from './identifiers.ts'
import { countStatement, type DiffParts, diffStatement, snapshotStatement } from './mirror-statements.ts'
import { chunksOf, type RedshiftPin } from './plan-parts.ts'
import { ask } from './run-step.ts'
import { makeOnce, type Place, type Unloaded, unload } from './set-aside.ts'
import { fingerprintOf, isStaged, resultsName, snapshotName } from './staging.ts'
import { prelude } from './statements.ts'

/** What a mirror run compares. */
type Mirrored = {
  readonly found: FoundTable
  readonly identity: readonly string[]
  /** Names of the before-columns, which snapshots hold beside checksums and keys. */
  readonly before: readonly string[]
  readonly last: MirrorCursor | null
}

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
  const before = request.before.map(({ name }) => name)
  const last = await checkLast(place, request, { found, identity, before }, signal)
  const mirrored = { found, identity, before, last }
  const compared = await compare(place, request, mirrored, signal)
  const { changes } = compared
  const rows = changes.inserts + changes.updates + changes.deletes
  const contents = changeFiles(compared.results, compared.rules, compared.beforeRules, rows)
  const unloaded = await unload(place, request.runId, 0, contents, signal)
  return planOf(request, mirrored, compared, unloaded)
}

type Compared = {
  readonly results: { readonly schema: string; readonly name: string }
  readonly snapshot: string
  readonly changes: MirrorChanges
  readonly rules: DiffParts['columns'][number]['rule'][]
  /** Of the before-columns in the results; none without a last snapshot. */
  readonly beforeRules: DiffParts['columns'][number]['rule'][]
}

async function compare(
  place: Place,
  { runId }: PlanRequest,
  { found, identity, before, last }: Mirrored,
  signal: AbortSignal,
): Promise<Compared> {
  const inStaging = (name: string) => ({ schema: place.stagingSchema, name })
  const what = fingerprintOf([found.table, found.oid, schemaFingerprint(found), identity, before, last?.snapshot])
  const results = inStaging(resultsName(runId, what))
  const snapshot = inStaging(snapshotName(runId, what))
  const parts = diffParts(found, identity, before, last === null ? null : inStaging(last.snapshot))
  const rules = found.columns.map(({ rule }) => rule)
  // A snapshot that is there without its changes was made of others.
  const diff = [...prelude(rules), `DROP TABLE IF EXISTS ${quoteTable(snapshot)}`, diffStatement(parts, results)]
  await makeOnce(place, { runId, table: results, sqls: diff }, signal)
  await checkSame(place, found, signal)
  await place.afterStep?.('set_aside')
  await makeOnce(place, { runId, table: snapshot, sqls: [snapshotStatement(parts, results, snapshot)] }, signal)
  await place.afterStep?.('snapshot')
  const changes = countsOf(await ask(place.client, [countStatement(results)], signal), last?.rows ?? 0)
  const beforeRules = last === null ? [] : parts.before.map((i) => rules[i]!)
  return { results, snapshot: snapshot.name, changes, rules, beforeRules }
}

function planOf(
  request: PlanRequest,
  { found, identity, before, last }: Mirrored,
  { results, snapshot, changes, rules, beforeRules }: Compared,
  { path, files }: Unloaded,
): ReadPlan {
  const pin: RedshiftPin = {
    runId: request.runId,
    epoch: 0,
    results: results.name,
    path,
    rules,
    before: beforeRules,
    snapshot,
    lastSnapshot: last?.snapshot ?? null,
  }
  const rows = changes.knownRows + changes.inserts - changes.deletes
  // Snapshots have no moment in Redshift's own words: that of the run's statement.
  const next = { snapshot, at: request.runId, tableId: found.oid, schema: mirroredSchema(found, identity), rows }
  const { hi, pin: nextPin } = cursorOf(next)
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
    chunks: chunksOf(files, request.chunkRows),
    rowsEstimate: changes.inserts + changes.updates + changes.deletes,
    rowsReadAgain: 0,
    rowsLeftOut: 0,
    pin,
    nextCursor: { hi, pin: { ...nextPin, before } },
  }
}

/** The last run's snapshot, when the table can be compared with it; null for a first run. */
async function checkLast(
  place: Place,
  request: PlanRequest,
  { found, identity, before }: Omit<Mirrored, 'last'>,
  signal: AbortSignal,
): Promise<MirrorCursor | null> {
  const last = mirrorCursor(request.cursor)
  if (last === null) return null
  if (last.tableId !== found.oid) throw resyncRequired(found.table, 'table_recreated')
  const schema = mirroredSchema(found, identity)
  // Only a new column is allowed: what is kept of the rows of another schema are checksums.
  const mayContinue = checkSchemaDrift(last.schema, schema).kind !== 'stop'
  checkDrift(request, last, { schema, fingerprint: schemaFingerprint(found), mayContinue })
  if (JSON.stringify(request.cursor?.pin.before) !== JSON.stringify(before))
    throw resyncRequired(found.table, 'key_columns_changed')
  if (!(await isStaged(place, last.snapshot, signal))) throw resyncRequired(found.table, 'snapshot_gone')
  return last
}

/** The key of a mirrored table is what its rows are found by. */
function mirroredSchema(found: FoundTable, identity: readonly string[]): RowSchema {
  return { ...rowSchemaOf(found), key: identity }
}

/** A table that was altered or made anew between the look at its columns and the comparison: the plan is made again. */
async function checkSame({ client }: Place, found: FoundTable, signal: AbortSignal): Promise<void> {
  const again = await findTable(client, found.table, signal)
  if (again.oid === found.oid && schemaFingerprint(again) === schemaFingerprint(found)) return
  throw new WarehouseError(
    'snapshot_conflict',
    `${shown(found.table)} was altered while the run compared it.`,
    'It is tried again.',
  )
}

function diffParts(
  found: FoundTable,
  identity: readonly string[],
  before: readonly string[],
  last: DiffParts['last'],
): DiffParts {
  const missing = before.find((name) => !found.columns.some((column) => column.name === name))
  if (missing !== undefined) throw columnNotFound(missing, found.table)
  return {
    table: found.table,
    columns: found.columns,
    identity: positionsOf(identity, found.columns),
    before: positionsOf(before, found.columns),
    last,
  }
}

function countsOf(rows: Rows, knownRows: number): MirrorChanges {
  const counts = new Map(rows.map(([op, count]) => [String(op), Number(count)]))
  const inserts = counts.get('i') ?? 0
  const updates = counts.get('u') ?? 0
  const deletes = counts.get('d') ?? 0
  const total = Number(rows.find(([op]) => op === 't')?.[2] ?? 0)
  return { inserts, updates, deletes, knownRows, identicalRows: total - (knownRows + inserts - deletes) }
}
