import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { PlanRequest } from '@millrace/warehouses/warehouse.ts'
import { requestFor, type SnowflakeSource, signal, startSource } from './snowflake-source.ts'

let source: SnowflakeSource
before(async () => {
  source = await startSource()
})
after(() => source.stop())

const run = (sql: string) => source.server.run(sql)
const append = (name: string, more: Partial<PlanRequest> = {}) =>
  requestFor(name, { mode: 'append', insertTimeColumn: 'AT', ...more })
const idsOf = (rows: readonly { readonly values: readonly unknown[] }[]) =>
  rows.map(({ values }) => Number(values[0])).sort()

test('append reads each row once: the next run begins after the latest time of the last one', async () => {
  await source.server.createTable('PUBLIC.VISITS', 'ID NUMBER(9,0), AT TIMESTAMP_NTZ')
  await run("INSERT INTO PUBLIC.VISITS VALUES (1, '2026-11-01 10:00:00'), (2, '2026-11-01 11:00:00.000001'), (3, NULL)")
  const first = await source.readAll(append('VISITS'))
  assert.deepEqual(idsOf(first.rows), [1, 2])
  assert.equal(first.plan.nextCursor?.hi, '2026-11-01 11:00:00.000001')
  assert.equal(first.plan.rowsLeftOut, 1)
  await run("INSERT INTO PUBLIC.VISITS VALUES (4, '2026-11-01 11:00:00.000002'), (5, '2026-11-01 10:59:59')")
  const more = { cursor: first.plan.nextCursor, runId: '01900000-0000-7000-8000-0000000000f1' }
  assert.deepEqual(idsOf((await source.readAll(append('VISITS', more))).rows), [4])
})

test('rows within the overlap are read again and counted, and rows that came late are found', async () => {
  await source.server.createTable('PUBLIC.LATE', 'ID NUMBER(9,0) PRIMARY KEY, AT TIMESTAMP_TZ')
  await run("INSERT INTO PUBLIC.LATE VALUES (1, '2026-11-01 10:00:00 +0000'), (2, '2026-11-01 10:30:00 +0000')")
  const overlapMs = 3_600_000
  const first = await source.readAll(append('LATE', { overlapMs, runId: '01900000-0000-7000-8000-0000000000f2' }))
  await run("INSERT INTO PUBLIC.LATE VALUES (3, '2026-11-01 11:15:00 +0100'), (4, '2026-11-01 10:45:00 +0000')")
  const second = await source.readAll(
    append('LATE', { overlapMs, cursor: first.plan.nextCursor, runId: '01900000-0000-7000-8000-0000000000f3' }),
  )
  assert.deepEqual(idsOf(second.rows), [1, 2, 3, 4])
  assert.equal(second.plan.rowsReadAgain, 2)
})

test('a full run reads all rows in chunks whose rows are the same however often they are read', async () => {
  await source.server.createTable('PUBLIC.MANY', 'ID NUMBER(9,0)')
  await run(`INSERT INTO PUBLIC.MANY VALUES ${Array.from({ length: 500 }, (_, i) => `(${i})`).join(', ')}`)
  const { plan, rows, shared } = await source.readAll(
    requestFor('MANY', { chunkRows: 64, runId: '01900000-0000-7000-8000-0000000000f4' }),
  )
  assert.equal(plan.chunks.length, 8)
  assert.equal(new Set(rows.map(({ id }) => id)).size, 500)
  await run('DELETE FROM PUBLIC.MANY')
  assert.deepEqual(await source.readPlan(plan, shared), rows)
  assert.equal(await source.warehouse.countIdentical(plan, shared, signal), 0)
})

test('a plan made again finds the rows that were set aside, and its clean-up leaves nothing', async () => {
  await source.server.createTable('PUBLIC.TWICE', 'ID NUMBER(9,0)')
  await run('INSERT INTO PUBLIC.TWICE VALUES (1), (1), (2)')
  const request = requestFor('TWICE', { runId: '01900000-0000-7000-8000-0000000000f5' })
  const first = await source.readAll(request)
  assert.equal(await source.warehouse.countIdentical(first.plan, first.shared, signal), 1)
  await run('DELETE FROM PUBLIC.TWICE')
  const again = await source.readAll(request)
  assert.deepEqual(again.rows, first.rows)
  const { runId, syncId, table } = request
  const leavings = { runId, syncId, table, plan: again.plan, isNeeded: false, isSucceeded: true }
  await source.warehouse.cleanUp(leavings, signal)
  await source.warehouse.cleanUp(leavings, signal)
  assert.ok(!(await source.staged()).some((name) => name.includes('F5_')))
  await assert.rejects(source.readPlan(again.plan, again.shared), { code: 'pin_lost' })
})

test('every type is read exactly', async () => {
  const columns =
    'ID NUMBER(18,0), BIG NUMBER(38,0), PRICE NUMBER(12,2), F FLOAT, S VARCHAR, B BINARY, IS_ON BOOLEAN, D DATE, T TIME, N TIMESTAMP_NTZ, L TIMESTAMP_LTZ, Z TIMESTAMP_TZ, V VARIANT, A ARRAY, O OBJECT'
  await source.server.createTable('PUBLIC.TYPES', columns)
  await run(`INSERT INTO PUBLIC.TYPES SELECT -999999999999999999, 12345678901234567890123456789012345678, 12.5, 0.1, 'h''é\\\\n',
    TO_BINARY('00ff', 'HEX'), FALSE, '1969-12-31', '12:34:56.789', '1969-12-31 23:59:59.999999', '2026-01-02 03:04:05 +0000',
    '2026-01-02 03:04:05 +0200', PARSE_JSON('{"a":1}'), PARSE_JSON('[1,"x"]'), PARSE_JSON('{"b":[2]}')`)
  const { rows } = await source.readAll(requestFor('TYPES', { runId: '01900000-0000-7000-8000-0000000000f6' }))
  assert.deepEqual(rows[0]?.values, [
    -999999999999999999n,
    '12345678901234567890123456789012345678',
    '12.50',
    0.1,
    "h'é\\n",
    Buffer.from([0, 255]),
    false,
    -1,
    '12:34:56.789000000',
    -1n,
    1767323045000000n,
    1767315845000000n,
    '{"a":1}',
    '[1,"x"]',
    '{"b":[2]}',
  ])
})
