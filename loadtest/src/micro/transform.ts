import { parseArgs } from 'node:util'
import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { compileMapping } from '@millrace/domain/mapping/compile.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import { ChangeBatchBuilder, readChangeBatch } from '@millrace/domain/wire/change-batch.ts'
import { compileSkipRow } from '@millrace/domain/wire/skip-row.ts'
import { UpdateBatchBuilder } from '@millrace/domain/wire/update-batch.ts'
import { shopEventsMapping as mapping, shopEvents } from '../data/shop-events.ts'

/**
 * What the transformer costs without Kafka: change batches of shop events (ten columns, one of them jsonb) become update
 * batches, one core, nothing else.
 *
 *     node loadtest/src/micro/transform.ts [--seconds 3] [--rows 500]
 */
const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '3' }, rows: { type: 'string', default: '500' } },
})
const rowsPerBatch = Number(values.rows)
const batchCount = 40
const nowMs = Date.UTC(2026, 5, 2)

const column = (name: string, type: RowSchema['columns'][number]['type']) => ({ name, type, sourceType: type })
const schema: RowSchema = {
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

function makeBatches(): Buffer[] {
  const row = new AvroWriter()
  const ids = new CanonicalEncoder()
  const changes = new ChangeBatchBuilder()
  const batches: Buffer[] = []
  let ordinal = 0
  const text = (value: string) => {
    row.writeSome()
    row.writeString(value)
  }
  for (const event of shopEvents(1, 1, rowsPerBatch * batchCount)) {
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

const batches = makeBatches()
const skipRow = compileSkipRow(schema)
const out = new UpdateBatchBuilder()
const context = { syncId: 'sync', generation: 1, importId: 'import', warehouse: 'postgres', strict: true } as const
const compiled = compileMapping({ mapping, schema, context })

function transformAll(): { bytesOut: number; updates: number } {
  let bytesOut = 0
  let updates = 0
  for (const batch of batches) {
    const cursor = readChangeBatch(batch, 0, skipRow)
    compiled.transformBatch(cursor, nowMs, out)
    updates += out.updates
    bytesOut += out.finish(cursor.header, compiled.tableType).length
  }
  return { bytesOut, updates }
}

const rows = batches.length * rowsPerBatch
for (let warm = 0; warm < 5; warm++) transformAll()
const { bytesOut, updates } = transformAll()
if (updates !== rows) throw new Error(`${rows - updates} of ${rows} rows were rejected: the numbers would be wrong`)

let done = 0
const cpuStart = process.cpuUsage()
const start = performance.now()
while (performance.now() - start < Number(values.seconds) * 1000) {
  transformAll()
  done += rows
}
const seconds = (performance.now() - start) / 1000
const { user, system } = process.cpuUsage(cpuStart)
const bytesIn = batches.reduce((sum, batch) => sum + batch.length, 0)
console.log(
  `batches of ${rowsPerBatch} rows, ${Math.round(bytesIn / rows)} B in and ${Math.round(bytesOut / rows)} B out a row`,
)
console.log(
  `${Math.round(done / seconds).toLocaleString('en')} records/s, ${((user + system) / done).toFixed(2)} µs CPU a record`,
)
