import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { beforeColumns } from '@millrace/domain/mapping/before-columns.ts'
import { compileMapping } from '@millrace/domain/mapping/compile.ts'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import type { BatchHeader } from '@millrace/domain/wire/batch-header.ts'
import { ChangeBatchBuilder, readChangeBatch } from '@millrace/domain/wire/change-batch.ts'
import { compileSkipRow } from '@millrace/domain/wire/skip-row.ts'
import { UpdateBatchBuilder } from '@millrace/domain/wire/update-batch.ts'

/** A row of a mirrored table with a key: `id`. `at` is in ms. */
export type MirroredRow = {
  readonly id: number
  readonly at: number | null
  readonly who: string | null
  readonly plan: string | null
}

/** A row before and after a run; null where it was not, or is no more. */
export type RowChange = { readonly before: MirroredRow | null; readonly now: MirroredRow | null }

export const mirroredSchema: RowSchema = {
  table: 'crm.people',
  key: ['id'],
  columns: [
    { name: 'id', type: 'integer', sourceType: 'INT64' },
    { name: 'at', type: 'timestamp', sourceType: 'TIMESTAMP' },
    { name: 'who', type: 'string', sourceType: 'STRING' },
    { name: 'plan', type: 'string', sourceType: 'STRING' },
  ],
}

/** The table as each of the types that have a mirror. */
export const mirrorMappings = {
  events: { tableType: 'events', eventName: { value: 'Plan' }, time: 'at', userId: 'who' },
  users: { tableType: 'user_profiles', profileKind: 'history', userId: 'who', startTime: 'at' },
  groups: {
    tableType: 'group_profiles',
    profileKind: 'history',
    groupKey: 'company',
    groupId: 'who',
    startTime: 'at',
  },
} as const satisfies Record<string, Mapping>

/** What differs between two states of the table, in the order of ids. */
export function rowChanges(before: readonly MirroredRow[], now: readonly MirroredRow[]): RowChange[] {
  const ids = new Set([...before, ...now].map(({ id }) => id))
  return [...ids]
    .sort((a, b) => a - b)
    .map((id) => ({
      before: before.find((row) => row.id === id) ?? null,
      now: now.find((row) => row.id === id) ?? null,
    }))
    .filter(({ before: old, now: row }) => JSON.stringify(old) !== JSON.stringify(row))
}

export type MirroredBatch = {
  readonly mapping: Mapping
  readonly header: Omit<BatchHeader, 'rows' | 'bytes' | 'mappingVersion' | 'traceparent'>
  readonly importId: string
  /** Ordinal of the first change within the chunk. */
  readonly firstOrdinal: number
  readonly nowMs: number
}

/** The update batch that the mapping makes of changes, by way of a change batch, with `prefix` in front. */
export function mirroredBatch(
  changes: readonly RowChange[],
  { mapping, header, importId, firstOrdinal, nowMs }: MirroredBatch,
  prefix?: Uint8Array,
): Buffer {
  const builder = new ChangeBatchBuilder()
  const before = beforeColumns(mapping, mirroredSchema)
  for (const [n, { before: old, now }] of changes.entries()) {
    const row = now && encodeRow(now)
    const image = old && encodeImage(old)
    const op = old === null ? 'insert' : now === null ? 'delete' : 'update'
    builder.append(op, firstOrdinal + n, rowIdOf((now ?? old)!.id), row, 0, row?.length ?? 0, image)
  }
  const message = builder.finish({ ...header, mappingVersion: 1, traceparent: '' })
  const cursor = readChangeBatch(message, 0, compileSkipRow(mirroredSchema), compileSkipRow({ columns: before }))
  const out = new UpdateBatchBuilder()
  const { syncId, generation } = header
  const context = { syncId, generation, importId, warehouse: 'bigquery', strict: true } as const
  compileMapping({ mapping, schema: mirroredSchema, before, context }).transformBatch(cursor, nowMs, out)
  return out.finish(cursor.header, mapping.tableType, prefix)
}

function rowIdOf(id: number): Buffer {
  const encoder = new CanonicalEncoder()
  encoder.addInteger(id)
  return encoder.digest(false)
}

function encodeRow({ id, at, who, plan }: MirroredRow): Buffer {
  const writer = new AvroWriter(64)
  writer.writeSome()
  writer.writeLong(id)
  writeTime(writer, at)
  writeText(writer, who)
  writeText(writer, plan)
  return writer.take()
}

/** Time and id, in the order of `beforeColumns`. */
function encodeImage({ at, who }: MirroredRow): Buffer {
  const writer = new AvroWriter(64)
  writeTime(writer, at)
  writeText(writer, who)
  return writer.take()
}

function writeTime(writer: AvroWriter, ms: number | null): void {
  if (ms === null) writer.writeNull()
  else {
    writer.writeSome()
    writer.writeLong(ms * 1000)
  }
}

function writeText(writer: AvroWriter, text: string | null): void {
  if (text === null) writer.writeNull()
  else {
    writer.writeSome()
    writer.writeString(text)
  }
}
