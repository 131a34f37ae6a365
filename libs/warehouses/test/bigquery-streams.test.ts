import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import { openBigQuery } from '@millrace/warehouses/bigquery/open-bigquery.ts'
import type { PlanRequest, Warehouse } from '@millrace/warehouses/warehouse.ts'
import {
  type BigQuerySource,
  field,
  readAll,
  readPlan,
  requestFor,
  shopTable,
  signal,
  stagingDataset,
  startSource,
} from './bigquery-source.ts'
import { CollectingSink, type Row } from './collecting-sink.ts'

const rows = 25_000
const fields = [
  field('id', 'INTEGER'),
  field('name', 'STRING'),
  field('price', 'NUMERIC'),
  field('weight', 'FLOAT'),
  field('is_new', 'BOOLEAN'),
  field('picture', 'BYTES'),
  field('at', 'TIMESTAMP'),
  field('day', 'DATE'),
  field('more', 'JSON'),
]
const values = `i, if(i % 3 = 0, NULL, 'é' || i), i / 4.0, if(i % 5 = 0, 'nan'::DOUBLE, -i / 8.0), i % 2 = 0, encode('b' || i),
  TIMESTAMPTZ '2024-03-01 00:00:00+00' - to_microseconds(i * 100000000000), DATE '1969-12-01' + i::INT % 100, '{"n": ' || i || '}'`

describe('BigQuery by the Storage Read API', () => {
  let source: BigQuerySource
  let streaming: Warehouse
  let movedMs = 0
  let run = 0
  const opened: Warehouse[] = []
  const open = () => {
    const { server } = source
    const warehouse = openBigQuery({
      kind: 'bigquery',
      options: { projectId: server.projectId, stagingDataset },
      secrets: { serviceAccountKey: server.serviceAccount.keyFile },
      net: {
        allowedCidrs: ['127.0.0.0/8'],
        bigQueryEndpoint: server.endpoint,
        bigQueryStorageEndpoint: server.storageRead.endpoint,
      },
      applicationName: 'millrace-test',
    })
    opened.push(warehouse)
    return warehouse
  }
  before(async () => {
    source = await startSource({ streamRows: 6000, now: () => Date.now() + movedMs })
    source.server.grants.readSessions = true
    streaming = open()
    for (const [name, more] of [
      ['goods', {}],
      ['keyed', { primaryKey: ['name', 'id'] }],
    ] as const) {
      await source.server.createTable('shop', name, fields, more)
      await source.server.change('shop', name, `INSERT INTO $table SELECT ${values} FROM range(${rows}) t(i)`)
    }
  })
  after(async () => {
    for (const warehouse of opened) await warehouse.close()
    await source.stop()
  })
  const request = (name: string, more: Partial<PlanRequest> = {}) =>
    requestFor(name, { chunkRows: 5000, runId: `01900000-0000-7000-8000-${String(++run).padStart(12, '0')}`, ...more })
  const sorted = (all: readonly Row[]) => all.toSorted((a, b) => (a.id < b.id ? -1 : 1))

  for (const name of ['goods', 'keyed']) {
    test(`rows of ${name} are those that pages give, with the same ids, spread over streams`, async () => {
      const streams = await readAll(streaming, request(name))
      const pages = await readAll(source.warehouse, request(name))
      assert.equal(streams.plan.chunks.length, 5)
      assert.ok(streams.plan.chunks.every((chunk) => 'stream' in chunk))
      assert.equal(streams.rows.length, rows)
      assert.deepEqual(sorted(streams.rows), sorted(pages.rows))
      const again = await readPlan(open(), streams.plan, streams.shared)
      assert.deepEqual(again, streams.rows, 'another process reads the same rows in the same order')
    })
  }

  test('a stream that breaks goes on behind the last row', async () => {
    const { storageRead } = source.server
    const { plan, pin } = await streaming.plan(request('goods'), signal)
    storageRead.breaks = 3
    const all = await readPlan(streaming, plan, pin.shared)
    assert.equal(storageRead.breaks, 0)
    assert.equal(new Set(all.map(({ id }) => id)).size, rows)
    assert.equal(all.length, rows)
    assert.ok(storageRead.reads.some((read) => read.endsWith(' 1000')))
  })

  test('a read that is ended ends its stream', async () => {
    const { plan, pin } = await streaming.plan(request('goods', { chunkRows: rows }), signal)
    assert.equal(plan.chunks.length, 1)
    const ended = new AbortController()
    const sink = new CollectingSink(plan.schema)
    const insert = sink.insert.bind(sink)
    sink.insert = (...row) => {
      if (sink.rows.length === 1500) ended.abort(new Error('the lease is lost'))
      return insert(...row)
    }
    const [chunk = {}] = plan.chunks
    await assert.rejects(streaming.readChunk(plan, chunk, pin.shared, sink, ended.signal), /the lease is lost/)
    assert.ok(sink.rows.length < rows)
    await until(() => source.server.storageRead.open === 0, { what: 'the end of the stream' })
  })

  test('a session that has expired is given up for pages of the same rows, which are set aside anew only when they are gone', async () => {
    const { plan, pin } = await streaming.plan(request('goods'), signal)
    movedMs = 6 * 3_600_000 + 1
    await assert.rejects(readPlan(streaming, plan, pin.shared), { code: 'pin_lost' })
    const again = await streaming.repin(plan, signal)
    assert.deepEqual([again.rereadAll, again.plan.pin.session], [true, undefined])
    assert.deepEqual([again.pin.shared, again.plan.chunks.length], [plan.pin.results, plan.chunks.length])
    assert.equal((await readPlan(streaming, again.plan, again.pin.shared)).length, rows)
    await assert.rejects(readPlan(streaming, again.plan, pin.shared), { code: 'pin_lost' })
    await assert.rejects(streaming.countIdentical(again.plan, pin.shared, signal), { code: 'pin_lost' })
    assert.equal(await streaming.countIdentical(again.plan, again.pin.shared, signal), 0)

    source.server.storage.drop(stagingDataset, String(plan.pin.results))
    const anew = await streaming.repin(plan, signal)
    assert.notEqual(anew.plan.pin.results, plan.pin.results)
    assert.deepEqual([anew.pin.shared, anew.plan.pin.session], [anew.plan.pin.results, undefined])
    assert.equal((await readPlan(streaming, anew.plan, anew.pin.shared)).length, rows)
    movedMs = 0
  })

  test('changes of a mirror are those that pages give', async () => {
    const syncId = '01900000-0000-7000-8000-0000000000ab'
    const more = { mode: 'mirror', syncId, before: [{ name: 'day', type: 'date', sourceType: 'DATE' }] } as const
    const first = await streaming.plan(request('keyed', more), signal)
    const { server } = source
    await server.change('shop', 'keyed', "UPDATE $table SET name = name || '!', day = NULL WHERE id % 2 = 1")
    await server.change('shop', 'keyed', 'DELETE FROM $table WHERE id % 10 = 0')
    await server.change('shop', 'keyed', 'UPDATE $table SET weight = 1 WHERE id % 10 = 2')
    const cursor = first.plan.nextCursor
    const changesBy = async (warehouse: Warehouse) => {
      const { plan, pin } = await warehouse.plan(request('keyed', { ...more, cursor }), signal)
      const sink = new CollectingSink(plan.schema, 1000, plan.before)
      for (const chunk of plan.chunks) await warehouse.readChunk(plan, chunk, pin.shared, sink, signal)
      const kinds = new Set(plan.chunks.map((chunk) => ('stream' in chunk ? 'streams' : 'pages')))
      return { kinds: [...kinds], changes: sink.changes.toSorted((a, b) => (a.id < b.id ? -1 : 1)) }
    }
    const streams = await changesBy(streaming)
    const pages = await changesBy(source.warehouse)
    assert.deepEqual([streams.kinds, pages.kinds], [['streams'], ['pages']])
    assert.deepEqual(streams.changes, pages.changes)
    assert.deepEqual([...new Set(streams.changes.map(({ op }) => op))].sort(), ['delete', 'insert', 'update'])
  })

  test('few rows, and rows of a service account that may not use it, are read by pages', async () => {
    const { server } = source
    await server.createTable('shop', 'few', [field('id', 'INTEGER')])
    await server.change('shop', 'few', 'INSERT INTO $table SELECT i FROM range(9999) t(i)')
    const few = await readAll(streaming, request('few'))
    assert.deepEqual([few.rows.length, few.plan.pin.session], [9999, undefined])

    const step = async () =>
      (await open().testConnection(signal)).find((check) => check.step.startsWith('Can write staging'))
    assert.deepEqual([(await step())?.ok, (await step())?.code], [true, undefined])
    server.grants.readSessions = false
    const refused = open()
    for (let i = 0; i < 2; i++) {
      const { plan, rows: read } = await readAll(refused, request('goods'))
      assert.deepEqual([read.length, plan.pin.session], [rows, undefined])
    }
    const check = await step()
    assert.deepEqual([check?.ok, check?.code], [true, 'reads_by_pages'])
    assert.match(check?.hint ?? '', /roles\/bigquery\.readSessionUser/)
    server.grants.readSessions = true
    const { plan } = await readAll(refused, request('goods'))
    assert.equal(plan.pin.session, undefined, 'the refusal is remembered')
  })

  test('the position is the session: another one is refused, and nothing is left behind in the staging dataset', async () => {
    const { plan } = await streaming.plan(request('goods'), signal)
    await assert.rejects(readPlan(streaming, plan, 'another session'), { code: 'pin_lost' })
    await streaming.cleanUp(
      {
        runId: String(plan.pin.runId),
        syncId: 's',
        table: shopTable('goods'),
        plan,
        isNeeded: false,
        isSucceeded: true,
      },
      signal,
    )
    assert.equal(source.server.storage.find(stagingDataset, String(plan.pin.results)), null)
  })
})
