import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { compileMapping } from '@millrace/domain/mapping/compile.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import { ChangeBatchBuilder, readChangeBatch } from '@millrace/domain/wire/change-batch.ts'
import { compileSkipRow } from '@millrace/domain/wire/skip-row.ts'
import { UpdateBatchBuilder } from '@millrace/domain/wire/update-batch.ts'
import { shopEvents, shopEventsMapping } from '../data/shop-events.ts'

/** A moment shortly after the last event. */
export const shopNowMs = Date.UTC(2026, 5, 2)

const column = (name: string, type: RowSchema['columns'][number]['type']) => ({ name, type, sourceType: type })
/** The table of shop-events.ts. */
export const shopSchema: RowSchema = {
  table: 'public.shop_events',
  key: ['event_id'],
  columns: [
    column('event_id', 'integer'),
    column('event_name', 'string'),
    column('event_time', 'timestamp'),
    column('user_id', 'string'),
    column('device_id', 'string'),
    column('country', 'string'),
    column('amount', 'decimal'),
    column('quantity', 'integer'),
    column('is_member', 'boolean'),
    column('properties', 'json'),
  ],
}
const header = {
  projectId: 'project',
  syncId: 'sync',
  runId: '3f6e9b0e-3d51-4e0e-9d7c-6c3a0c0f7a11',
  runSeq: 1,
  generation: 1,
  mappingVersion: 1,
  chunk: 0,
  attempt: 1,
  seq: 0,
  traceparent: '',
}

/** Change batches as the extractor writes them, of shop events. */
export function shopBatches(count: number, rowsPerBatch: number): Buffer[] {
  const row = new AvroWriter()
  const ids = new CanonicalEncoder()
  const changes = new ChangeBatchBuilder()
  const batches: Buffer[] = []
  let ordinal = 0
  const text = (value: string) => {
    row.writeSome()
    row.writeString(value)
  }
  for (const event of shopEvents(1, 1, rowsPerBatch * count)) {
    row.reset()
    row.writeSome()
    row.writeLong(event.eventId)
    text(event.name)
    row.writeSome()
    row.writeLong(event.timeMs * 1000)
    for (const value of [event.userId, event.deviceId, event.country, event.amount]) text(value)
    row.writeSome()
    row.writeLong(event.quantity)
    row.writeSome()
    row.writeBoolean(event.member)
    text(event.properties)
    ids.reset()
    ids.addInteger(event.eventId)
    changes.append('insert', ordinal++, ids.digest(false), row.buffer, 0, row.length)
    if (changes.rows === rowsPerBatch) batches.push(changes.finish(header))
  }
  return batches
}

/** Update batches as the transformer makes them of change batches; throws when a row was rejected. */
export function shopUpdates(batches: readonly Buffer[]): Buffer[] {
  const context = { syncId: 'sync', generation: 1, importId: 'import', warehouse: 'postgres', strict: true } as const
  const compiled = compileMapping({ mapping: shopEventsMapping, schema: shopSchema, context })
  const skipRow = compileSkipRow(shopSchema)
  const out = new UpdateBatchBuilder()
  return batches.map((batch) => {
    const cursor = readChangeBatch(batch, 0, skipRow)
    compiled.transformBatch(cursor, shopNowMs, out)
    if (out.rejects > 0) throw new Error(`${out.rejects} rows were rejected: the numbers would be wrong`)
    return out.finish(cursor.header, compiled.tableType)
  })
}
