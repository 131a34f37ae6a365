import { compileMapping } from '@millrace/domain/mapping/compile.ts'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import type { BatchHeader } from '@millrace/domain/wire/batch-header.ts'
import { readUpdateBatch, UpdateBatchBuilder } from '@millrace/domain/wire/update-batch.ts'
import type { WarehouseKind } from '@millrace/domain/words.ts'
import { exactJson } from './exact-json.ts'
import type { PreviewRow } from './preview-sink.ts'

export type MappedRows = {
  /** `row` is the position among the rows of the preview. */
  readonly updates: { readonly row: number; readonly key: string | null; readonly body: unknown }[]
  readonly rejects: { readonly row: number; readonly code: string; readonly field: string; readonly message: string }[]
}

const header: BatchHeader = {
  projectId: 'preview',
  syncId: 'preview',
  runId: '00000000-0000-0000-0000-000000000000',
  runSeq: 0,
  generation: 0,
  mappingVersion: 0,
  chunk: 0,
  attempt: 0,
  seq: 0,
  rows: 0,
  bytes: 0,
  traceparent: '',
}

/**
 * What would be sent for these rows, made by the same function as in a run; only `$insert_id` and `$warehouse_import_id`
 * are others. Throws MappingError when the mapping does not fit the schema.
 */
export function mapRows(options: {
  readonly rows: readonly PreviewRow[]
  readonly mapping: Mapping
  readonly schema: RowSchema
  readonly warehouse: WarehouseKind
  readonly nowMs: number
}): MappedRows {
  const { rows, mapping, schema, warehouse, nowMs } = options
  const context = { syncId: 'preview', generation: 1, importId: 'preview', warehouse, strict: true } as const
  const compiled = compileMapping({ mapping, schema, context })
  const builder = new UpdateBatchBuilder()
  for (const [i, { rowId, row }] of rows.entries()) {
    // One buffer, row id first: the mapping reads both from the same batch.
    const buffer = Buffer.concat([rowId, row])
    compiled.transform('insert', i, 0, buffer, 32, buffer.length, nowMs, builder)
  }
  const batch = readUpdateBatch(builder.finish(header, mapping.tableType))
  const updates: MappedRows['updates'] = []
  while (batch.next()) {
    const text = batch.body().toString()
    const body = mapping.tableType === 'lookup_table' ? text : exactJson(text)
    updates.push({ row: batch.ordinal, key: batch.key(), body })
  }
  const rejects = batch.rejects.map(({ ordinal, code, field, message }) => ({ row: ordinal, code, field, message }))
  return { updates, rejects }
}
