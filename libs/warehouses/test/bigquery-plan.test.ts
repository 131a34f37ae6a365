import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import fc from 'fast-check'
import {
  type BigQuerySource,
  field,
  leftBy,
  openSource,
  readAll,
  readPlan,
  requestFor,
  shopTable,
  signal,
  stagingDataset,
  startSource,
} from './bigquery-source.ts'
import { CollectingSink, type Row } from './collecting-sink.ts'

const idsOf = (rows: readonly Row[]) => rows.map(({ values }) => Number(values[0])).sort((a, b) => a - b)
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i)

describe('plans of BigQuery', () => {
  let source: BigQuerySource
  before(async () => {
    // Small pages: a chunk has several.
    source = await startSource({ pageBytesMax: 2000 })
    await source.server.createTable('shop', 'numbers', [field('id', 'INTEGER'), field('name', 'STRING')])
    await source.server.change('shop', 'numbers', `INSERT INTO $table SELECT i, 'name ' || i FROM range(1000) t(i)`)
  })
  after(() => source.stop())

  const countReads = () => [...source.server.jobs.byId.keys()].filter((id) => id.includes('_read_')).length

  test('the chunks of a plan are the table, each row once, whatever their size', async () => {
    const { server, warehouse } = source
    await server.createTable('shop', 'any', [field('id', 'INTEGER'), field('s', 'STRING')])
    await fc.assert(
      fc.asyncProperty(fc.nat(120), fc.integer({ min: 1, max: 50 }), fc.uuid(), async (size, chunkRows, runId) => {
        await server.change('shop', 'any', 'DELETE FROM $table')
        await server.change(
          'shop',
          'any',
          `INSERT INTO $table SELECT i, repeat('x', i::INTEGER) FROM range(${size}) t(i)`,
        )
        const { rows, plan } = await readAll(warehouse, requestFor('any', { chunkRows, runId }))
        assert.deepEqual(idsOf(rows), upTo(size))
        assert.equal(plan.rowsEstimate, size)
      }),
      { numRuns: 25, seed: 7 },
    )
  })

  test('the table may change: a chunk that is read again, also by another process, has the same rows', async () => {
    const { server, warehouse } = source
    await server.createTable('shop', 'busy', [field('id', 'INTEGER')])
    await server.change('shop', 'busy', 'INSERT INTO $table SELECT * FROM range(90)')
    const { plan, pin } = await warehouse.plan(requestFor('busy', { chunkRows: 40, runId: 'busy' }), signal)
    const before = await readPlan(warehouse, plan, pin.shared)
    await server.change('shop', 'busy', 'DELETE FROM $table WHERE id % 2 = 0')
    const other = openSource(server)
    assert.deepEqual(await readPlan(other, plan, pin.shared), before)
    await other.close()
    assert.deepEqual(idsOf(before), upTo(90))
  })

  test('a plan that is made again finds its job and runs no second query', async () => {
    const request = requestFor('numbers', { runId: 'twice' })
    const first = await source.warehouse.plan(request, signal)
    const jobs = countReads()
    await source.server.change('shop', 'numbers', `INSERT INTO $table SELECT i, '' FROM range(1000, 1010) t(i)`)
    const second = await source.warehouse.plan(request, signal)
    assert.equal(countReads(), jobs)
    assert.deepEqual(second.plan, first.plan)
    await source.server.change('shop', 'numbers', 'DELETE FROM $table WHERE id >= 1000')
  })

  test('a job that failed gives its id up: the next attempt takes another', async () => {
    const { server } = source
    server.grants.owner.delete(stagingDataset)
    server.grants.viewer.add(stagingDataset)
    const request = requestFor('numbers', { runId: 'failed' })
    await assert.rejects(source.warehouse.plan(request, signal), { code: 'permission_denied' })
    server.grants.owner.add(stagingDataset)
    const { plan } = await source.warehouse.plan(request, signal)
    assert.match(String(plan.pin.results), /_1$/)
  })

  test('rows that were set aside and are gone are set aside again, as they were', async () => {
    const { server, warehouse } = source
    await server.createTable('shop', 'lost', [field('id', 'INTEGER')])
    await server.change('shop', 'lost', 'INSERT INTO $table SELECT * FROM range(25)')
    const { plan, pin } = await warehouse.plan(requestFor('lost', { chunkRows: 10, runId: 'lost' }), signal)
    await server.change('shop', 'lost', 'DELETE FROM $table')
    server.storage.drop(stagingDataset, String(pin.shared))
    await assert.rejects(readPlan(warehouse, plan, pin.shared), { code: 'pin_lost' })
    await assert.rejects(warehouse.countIdentical(plan, pin.shared, signal), { code: 'pin_lost' })
    const again = await warehouse.repin(plan, signal)
    assert.equal(again.rereadAll, true)
    assert.deepEqual(idsOf(await readPlan(warehouse, again.plan, again.pin.shared)), upTo(25))
    assert.equal(again.plan.chunks.length, plan.chunks.length)
    await assert.rejects(readPlan(warehouse, again.plan, pin.shared), { code: 'pin_lost' }, 'the old pin is of no use')
  })

  test('a table whose columns were changed is not set aside again', async () => {
    const { server, warehouse } = source
    await server.createTable('shop', 'altered', [field('id', 'INTEGER')])
    await server.change('shop', 'altered', 'INSERT INTO $table SELECT * FROM range(5)')
    const { plan } = await warehouse.plan(requestFor('altered', { runId: 'altered' }), signal)
    await server.createTable('shop', 'altered', [field('id', 'STRING')])
    await assert.rejects(warehouse.repin(plan, signal), { code: 'schema_changed' })
  })

  test('cleaning up removes what the run has set aside, and may be repeated', async () => {
    const { server, warehouse } = source
    const { plan, pin } = await warehouse.plan(requestFor('numbers', { runId: 'clean' }), signal)
    assert.ok(server.storage.find(stagingDataset, String(pin.shared)))
    await warehouse.cleanUp(leftBy(plan), signal)
    assert.equal(server.storage.find(stagingDataset, String(pin.shared)), null)
    await warehouse.cleanUp(leftBy(plan), signal)
  })

  test('what nobody cleans up removes itself after three days', async () => {
    let now = Date.now()
    const own = await startSource({ now: () => now })
    await own.server.createTable('shop', 't', [field('id', 'INTEGER')])
    await own.server.change('shop', 't', 'INSERT INTO $table VALUES (1)')
    const { plan, pin } = await own.warehouse.plan(requestFor('t'), signal)
    now += 71 * 3600_000
    assert.ok(own.server.storage.find(stagingDataset, String(pin.shared)))
    now += 2 * 3600_000
    const tokens = openSource(own.server)
    assert.equal(own.server.storage.find(stagingDataset, String(pin.shared)), null)
    assert.equal(plan.rowsEstimate, 1)
    await tokens.close()
    await own.stop()
  })

  test('a plan that is given up stops its job', async () => {
    const { server, warehouse } = source
    const release = Promise.withResolvers<void>()
    const giveUp = new AbortController()
    server.jobs.held = { id: /given-up/, until: release.promise }
    const planning = warehouse.plan(requestFor('numbers', { runId: 'given-up' }), giveUp.signal)
    const id = () => [...server.jobs.byId.keys()].find((each) => each.startsWith('millrace_given-up'))
    await until(() => server.requests.includes(`GET /queries/${id()}`), { timeoutMs: 10_000, everyMs: 5 })
    giveUp.abort(new Error('the lease was lost'))
    await assert.rejects(planning, /the lease was lost/)
    server.jobs.held = null
    release.resolve()
    assert.equal(server.jobs.get(String(id())).error?.reason, 'stopped')
  })

  test('a sink that fails ends the read with its own reason', async () => {
    const { warehouse } = source
    const { plan, pin } = await warehouse.plan(requestFor('numbers', { runId: 'sink' }), signal)
    const sink = Object.assign(new CollectingSink(plan.schema, 10), {
      drained: () => Promise.reject(new Error('full')),
    })
    await assert.rejects(warehouse.readChunk(plan, plan.chunks[0]!, pin.shared, sink, signal), /full/)
  })

  test('a preview shows the first rows with the ids that a run gives them', async () => {
    const { warehouse } = source
    const { plan, rows } = await readAll(warehouse, requestFor('numbers', { runId: 'preview' }))
    const sink = new CollectingSink(plan.schema)
    await warehouse.preview(shopTable('numbers'), [], 5, sink, signal)
    const known = new Set(rows.map(({ id }) => id))
    assert.equal(sink.rows.length, 5)
    assert.ok(sink.rows.every(({ id }) => known.has(id)))
  })
})
