import { compileMapping } from '@millrace/domain/mapping/compile.ts'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { MappingContext } from '@millrace/domain/mapping/mapping-context.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import type { BatchHeader, Reject } from '@millrace/domain/wire/batch-header.ts'
import { ChangeBatchBuilder, readChangeBatch } from '@millrace/domain/wire/change-batch.ts'
import { compileSkipRow } from '@millrace/domain/wire/skip-row.ts'
import { readUpdateBatch, UpdateBatchBuilder } from '@millrace/domain/wire/update-batch.ts'
import type { ChangeOp, UpdateOp } from '@millrace/domain/words.ts'
import { type Cell, encodeRow } from '../rows.ts'

export const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5)

export const context: MappingContext = {
  syncId: 'sync-1',
  generation: 3,
  importId: 'import-1',
  warehouse: 'postgres',
  strict: true,
}

export const header: Omit<BatchHeader, 'rows' | 'bytes'> = {
  projectId: 'project-1',
  syncId: 'sync-1',
  runId: '1f0c2a52-0d7c-4f0e-8e3e-0a3d5d1f6f11',
  runSeq: 7,
  generation: 3,
  mappingVersion: 2,
  chunk: 1,
  attempt: 1,
  seq: 0,
  traceparent: '',
}

/** What became of a row: the update's key and body, or the reject. */
export type Outcome =
  | { readonly kind: 'update'; readonly op: UpdateOp; readonly key: string | null; readonly body: string }
  | { readonly kind: 'reject'; readonly reject: Reject }

export type MapRows = {
  readonly mapping: Mapping
  readonly schema: RowSchema
  readonly rows: readonly (readonly Cell[] | null)[]
  readonly op?: ChangeOp
  readonly nowMs?: number
  readonly context?: MappingContext
}

/** Takes rows through the wire format and the mapping, as the chain does; one outcome a row, in order. */
export function mapRows(options: MapRows): Outcome[] {
  const message = updateMessage(options)
  const outcomes: Outcome[] = []
  const cursor = readUpdateBatch(message)
  for (const reject of cursor.rejects) outcomes[reject.ordinal] = { kind: 'reject', reject }
  while (cursor.next()) {
    if (outcomes[cursor.ordinal] !== undefined) throw new Error(`row ${cursor.ordinal} came out twice`)
    outcomes[cursor.ordinal] = { kind: 'update', op: cursor.op, key: cursor.key(), body: cursor.body().toString() }
  }
  return Array.from(options.rows, (_, n) => {
    const outcome = outcomes[n]
    if (outcome === undefined) throw new Error(`row ${n} did not come out`)
    return outcome
  })
}

/** The bytes of the update batch that the rows become. */
export function updateMessage(options: MapRows): Buffer {
  const { mapping, schema, rows, op = 'insert' } = options
  const changes = new ChangeBatchBuilder()
  rows.forEach((row, n) => {
    changes.append(op, n, rowIdOf(n), row === null ? null : encodeRow(schema, row))
  })
  const cursor = readChangeBatch(changes.finish(header), 0, compileSkipRow(schema))
  const out = new UpdateBatchBuilder()
  const compiled = compileMapping({ mapping, schema, context: options.context ?? context })
  compiled.transformBatch(cursor, options.nowMs ?? nowMs, out)
  return out.finish(cursor.header, compiled.tableType)
}

/** `mapRows` of one row. */
export function mapRow(options: Omit<MapRows, 'rows'> & { readonly row: readonly Cell[] | null }): Outcome {
  return mapRows({ ...options, rows: [options.row] })[0]!
}

export function rowIdOf(n: number): Buffer {
  const rowId = Buffer.alloc(32, 0xab)
  rowId.writeUInt32BE(n)
  return rowId
}
