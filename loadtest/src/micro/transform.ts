import { parseArgs } from 'node:util'
import { shopBatches, shopUpdates } from './shop-batches.ts'

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
const batches = shopBatches(40, rowsPerBatch)
const rows = batches.length * rowsPerBatch
const sum = (buffers: readonly Buffer[]) => buffers.reduce((bytes, buffer) => bytes + buffer.length, 0)

for (let warm = 0; warm < 5; warm++) shopUpdates(batches)
let done = 0
const cpuStart = process.cpuUsage()
const start = performance.now()
while (performance.now() - start < Number(values.seconds) * 1000) {
  shopUpdates(batches)
  done += rows
}
const seconds = (performance.now() - start) / 1000
const { user, system } = process.cpuUsage(cpuStart)
const bytes = [sum(batches), sum(shopUpdates(batches))].map((each) => Math.round(each / rows))
console.log(`batches of ${rowsPerBatch} rows, ${bytes[0]} B in and ${bytes[1]} B out a row`)
console.log(
  `${Math.round(done / seconds).toLocaleString('en')} records/s, ${((user + system) / done).toFixed(2)} µs CPU a record`,
)
