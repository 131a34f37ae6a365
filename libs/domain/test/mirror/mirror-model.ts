import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { beforeColumns } from '@millrace/domain/mapping/before-columns.ts'
import { compileMapping } from '@millrace/domain/mapping/compile.ts'
import { identityColumns } from '@millrace/domain/mapping/identity.ts'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { ColumnType, RowSchema } from '@millrace/domain/row-schema.ts'
import { ChangeBatchBuilder, readChangeBatch } from '@millrace/domain/wire/change-batch.ts'
import { compileSkipRow } from '@millrace/domain/wire/skip-row.ts'
import { readUpdateBatch, UpdateBatchBuilder } from '@millrace/domain/wire/update-batch.ts'
import type { ChangeOp, UpdateOp } from '@millrace/domain/words.ts'
import { context, header, nowMs } from '../mapping/map-rows.ts'
import { type Cell, encodeRow } from '../rows.ts'

export type Table = { readonly schema: RowSchema; readonly mapping: Mapping }
export type Row = readonly Cell[]
export type Change = {
  readonly op: ChangeOp
  readonly rowId: Buffer
  readonly row: Row | null
  readonly before: Row | null
}
/** What reaches the destination: an operation on one key with its version. */
export type Operation = {
  readonly op: UpdateOp
  readonly key: string
  readonly version: readonly [runSeq: number, ordinal: number]
  readonly body: string
}

/** Rows by row id; identical rows without a key are one. */
export function indexed({ schema, mapping }: Table, rows: readonly Row[]): Map<string, Row> {
  const names = identityColumns(mapping, schema)
  const columns = names.length > 0 ? names : schema.columns.map((each) => each.name)
  return new Map(rows.map((row) => [digest(schema, columns, row, names.length === 0), row]))
}

function digest(schema: RowSchema, names: readonly string[], row: Row, isWhole: boolean): string {
  const encoder = new CanonicalEncoder()
  for (const name of names) {
    const i = schema.columns.findIndex((each) => each.name === name)
    addCell(encoder, schema.columns[i]!.type, row[i]!)
  }
  return encoder.digest(isWhole).toString('hex')
}

function addCell(encoder: CanonicalEncoder, type: ColumnType, cell: Cell): void {
  if (cell === null) encoder.addNull()
  else if (type === 'integer') encoder.addInteger(cell as bigint)
  else if (type === 'timestamp') encoder.addTimestamp(cell as bigint)
  else if (type === 'string' || type === 'json') {
    const bytes = Buffer.from(cell as string)
    encoder.addBytes(type === 'string' ? 's' : 'j', bytes, 0, bytes.length)
  } else throw new Error(`the model has no ${type}`)
}

/** What a warehouse finds by comparing two snapshots: the definition of mirror, without its speed. */
export function diff(table: Table, from: readonly Row[], to: readonly Row[]): Change[] {
  const { schema, mapping } = table
  const old = indexed(table, from)
  const now = indexed(table, to)
  const all = schema.columns.map((each) => each.name)
  const keyed = beforeColumns(mapping, schema).map((each) => schema.columns.indexOf(each))
  const image = (row: Row) => keyed.map((i) => row[i]!)
  const changes: Change[] = []
  for (const [id, row] of old)
    if (!now.has(id)) changes.push({ op: 'delete', rowId: Buffer.from(id, 'hex'), row: null, before: image(row) })
  for (const [id, row] of now) {
    const before = old.get(id)
    const rowId = Buffer.from(id, 'hex')
    if (before === undefined) changes.push({ op: 'insert', rowId, row, before: null })
    else if (digest(schema, all, before, true) !== digest(schema, all, row, true))
      changes.push({ op: 'update', rowId, row, before: image(before) })
  }
  return changes
}

export type Sent = {
  readonly operations: readonly Operation[]
  readonly updates: number
  readonly rejects: number
  readonly filtered: number
}

const out = new UpdateBatchBuilder()

/** Changes through the wire format and the mapping, as a run carries them. */
export function send({ schema, mapping }: Table, changes: readonly Change[], runSeq: number): Sent {
  const before = beforeColumns(mapping, schema)
  const beforeSchema = { ...schema, columns: before }
  const batch = new ChangeBatchBuilder()
  changes.forEach((change, n) => {
    const row = change.row && encodeRow(schema, change.row)
    const image = change.before && encodeRow(beforeSchema, change.before)
    batch.append(change.op, n, change.rowId, row, 0, row?.length ?? 0, image)
  })
  out.reset()
  const cursor = readChangeBatch(batch.finish(header), 0, compileSkipRow(schema), compileSkipRow(beforeSchema))
  compileMapping({ mapping, schema, before, context }).transformBatch(cursor, nowMs, out)
  const { updates, rejects, filtered } = out
  const sent = readUpdateBatch(out.finish(cursor.header, mapping.tableType))
  const operations: Operation[] = []
  while (sent.next()) {
    const body = sent.body().toString()
    operations.push({ op: sent.op, key: keyOf(JSON.parse(body)), version: [runSeq, sent.ordinal], body })
  }
  return { operations, updates, rejects, filtered }
}

/** The destination keys events and history rows on name, time, distinct id and insert id. */
function keyOf(body: Record<string, unknown> & { properties?: Record<string, unknown> }): string {
  if (body.properties) {
    const { time, distinct_id, $insert_id } = body.properties
    return JSON.stringify([body.event, time, distinct_id, $insert_id])
  }
  return JSON.stringify([body.$event, body.$time, body.$distinct_id ?? body.$group_id, body.$insert_id])
}

/** A destination with versions: per key the latest wins, deletes leave a tombstone. */
export class VersionedSink {
  readonly #entries = new Map<string, Operation>()

  apply(operations: readonly Operation[]): this {
    for (const operation of operations) {
      const known = this.#entries.get(operation.key)
      if (known === undefined || isLater(operation.version, known.version)) this.#entries.set(operation.key, operation)
    }
    return this
  }

  /** The bodies that a reader sees, sorted. */
  get contents(): string[] {
    return [...this.#entries.values()]
      .filter(({ op }) => op === 'insert' || op === 'update')
      .map(({ body }) => body)
      .sort()
  }
}

function isLater(a: Operation['version'], b: Operation['version']): boolean {
  return a[0] !== b[0] ? a[0] > b[0] : a[1] > b[1]
}

/** What the destination must hold for a table: its good rows, each once. */
export function contentsOf(table: Table, rows: readonly Row[]): string[] {
  return new VersionedSink().apply(send(table, diff(table, [], rows), 1).operations).contents
}
