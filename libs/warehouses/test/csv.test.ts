import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, describe, it } from 'node:test'
import { csvDriver } from '@millrace/warehouses/csv/csv-driver.ts'
import type { OpenWarehouseRequest } from '@millrace/warehouses/open-warehouse-request.ts'
import type { PlanRequest, ReadPlan, SyncCursor } from '@millrace/warehouses/warehouse.ts'
import { CollectingSink } from './collecting-sink.ts'

const dir = mkdtempSync(path.join(tmpdir(), 'millrace-csv-'))
const shop = path.join(dir, 'shop')
mkdirSync(shop)
after(() => rmSync(dir, { recursive: true }))

const signal = AbortSignal.timeout(60_000)
const visits = { schema: 'files', name: 'visits' }
const warehouse = open({ folder: 'shop' }, dir)

function open(options: Record<string, unknown>, csvDir: string | undefined) {
  const request: OpenWarehouseRequest = {
    kind: 'csv',
    options,
    secrets: {},
    net: { allowedCidrs: [], csvDir },
    applicationName: 'test',
  }
  return csvDriver.open(request)
}

/** As the set-up asks for: a whole file takes the place of the old one. */
function put(name: string, lines: readonly string[]): void {
  writeFileSync(path.join(shop, `${name}.new`), `${lines.join('\n')}\n`)
  renameSync(path.join(shop, `${name}.new`), path.join(shop, `${name}.csv`))
}

function requestFor(more: Partial<PlanRequest>): PlanRequest {
  return {
    runId: '01900000-0000-7000-8000-0000000000ff',
    syncId: '01900000-0000-7000-8000-0000000000aa',
    table: visits,
    tableType: 'events',
    mode: 'full',
    identity: [],
    insertTimeColumn: null,
    overlapMs: 0,
    cursor: null,
    before: [],
    acceptedSchema: null,
    chunkRows: 250_000,
    ...more,
  }
}

async function read(plan: ReadPlan, pin: string | null) {
  const sink = new CollectingSink(plan.schema, 2)
  let rows = 0
  for (const chunk of plan.chunks) rows += (await warehouse.readChunk(plan, chunk, pin, sink, signal)).rows
  assert.equal(rows, sink.rows.length)
  return sink.rows
}

const at = (second: number) => `2024-03-01 00:00:${String(second).padStart(2, '0')}`

describe('a folder of CSV files', () => {
  it('is refused without an operator who allows one, and leads to no other folder', async () => {
    assert.throws(() => open({ folder: 'shop' }, undefined), { code: 'options_invalid' })
    for (const folder of ['..', '../shop', '/etc', 'a/b', '', 5, undefined])
      assert.throws(() => open({ folder }, dir), { code: 'options_invalid' }, String(folder))
    writeFileSync(path.join(dir, 'secret.csv'), 'a\n1\n')
    symlinkSync(path.join(dir, 'secret.csv'), path.join(shop, 'link.csv'))
    for (const name of ['../secret', 'link', `${dir}/secret`, "x' OR 'a", 'none'])
      await assert.rejects(
        warehouse.describeTable({ schema: 'files', name }, signal),
        { code: 'table_not_found' },
        name,
      )
    rmSync(path.join(shop, 'link.csv'))
  })

  it('lists its tables, and keeps every text as it stands in the file', async () => {
    put('visits', ['n,at,note', `007,${at(1)},"a ""b""\nc"`, `12345678901234567890.10,${at(2)}.000001,`, `-0,,""`])
    assert.deepEqual(await warehouse.listSchemas(signal), ['files'])
    assert.deepEqual(
      (await warehouse.listTables('files', signal)).map(({ name }) => name),
      ['visits'],
    )
    const { columns, key } = await warehouse.describeTable(visits, signal)
    assert.deepEqual([columns.map(({ type }) => type), key], [['string', 'timestamp', 'string'], []])
    const { plan, pin } = await warehouse.plan(requestFor({ mode: 'one_time' }), signal)
    assert.deepEqual(
      (await read(plan, pin.shared)).map(({ values }) => values),
      [
        ['007', 1_709_251_201_000_000n, 'a "b"\nc'],
        ['12345678901234567890.10', 1_709_251_202_000_001n, null],
        ['-0', null, ''],
      ],
    )
    const sink = new CollectingSink(plan.schema)
    assert.deepEqual(await warehouse.preview(visits, [], 2, sink, signal), { rows: 2 })
    const checks = await warehouse.testConnection(signal, { schema: 'files', name: 'none' })
    assert.deepEqual(
      checks.map(({ ok, code }) => [ok, code]),
      [[false, 'table_not_found']],
    )
  })

  it('loses its pin when a file is replaced, and is then read anew as a whole', async () => {
    put('visits', ['n,at', `1,${at(1)}`, `2,${at(2)}`])
    const { plan, pin } = await warehouse.plan(requestFor({ mode: 'full', identity: ['n'] }), signal)
    const ids = (await read(plan, pin.shared)).map(({ id }) => id)
    assert.deepEqual(
      (await read(plan, pin.shared)).map(({ id }) => id),
      ids,
      'the same again',
    )
    put('visits', ['n,at', `2,${at(2)}`, `3,${at(3)}`])
    await assert.rejects(read(plan, pin.shared), { code: 'pin_lost' })
    const again = await warehouse.repin(plan, signal)
    const now = await read(again.plan, again.pin.shared)
    assert.deepEqual([again.rereadAll, now.map(({ values }) => values[0]), now[0]?.id], [true, ['2', '3'], ids[1]])
    put('visits', ['n,at,more', `2,${at(2)},x`])
    await assert.rejects(warehouse.repin(plan, signal), { code: 'schema_changed' })
  })

  it('appends by insert time: late rows within the overlap, each row once, and tells what was left out', async () => {
    let cursor: SyncCursor | null = null
    const run = async (lines: readonly string[]) => {
      put('visits', ['n,at', ...lines])
      const request = requestFor({ mode: 'append', insertTimeColumn: 'at', overlapMs: 2000, cursor })
      const { plan, pin } = await warehouse.plan(request, signal)
      cursor = plan.nextCursor ?? cursor
      const numbers = (await read(plan, pin.shared)).map(({ values }) => values[0])
      const identical = await warehouse.countIdentical(plan, pin.shared, signal)
      return { numbers, identical, again: plan.rowsReadAgain, leftOut: plan.rowsLeftOut }
    }
    const first = [`1,${at(1)}`, `5,${at(5)}`, `6,${at(6)}`, `6,${at(6)}`, '0,']
    assert.deepEqual(await run(first), { numbers: ['1', '5', '6', '6'], identical: 1, again: 0, leftOut: 1 })
    assert.deepEqual(await run([...first, `late,${at(5)}`, `3,${at(3)}`, `7,${at(7)}`]), {
      numbers: ['5', '6', '6', 'late', '7'],
      identical: 1,
      again: 2,
      leftOut: 1,
    })
    assert.deepEqual(await run([`1,${at(1)}`]), { numbers: [], identical: 0, again: 0, leftOut: 0 })
    await assert.rejects(warehouse.plan(requestFor({ mode: 'append', insertTimeColumn: 'n' }), signal), {
      code: 'insert_time_column_invalid',
    })
    await assert.rejects(warehouse.plan(requestFor({ mode: 'mirror' }), signal), { code: 'mode_not_supported' })
  })

  it('refuses what is no CSV, and more than a million cells', async () => {
    for (const lines of [
      ['a,b', '1,2', '3'],
      [',,', ...Array.from({ length: 340_000 }, () => '1,2,3')],
    ]) {
      put('odd', lines)
      await assert.rejects(warehouse.describeTable({ schema: 'files', name: 'odd' }, signal), { code: 'query_failed' })
    }
  })

  it('takes less than 150 lines, as CONTRIBUTING.md says', () => {
    const folder = new URL('../src/csv/', import.meta.url)
    const lines = readdirSync(folder).map((file) => readFileSync(new URL(file, folder), 'utf8').split('\n').length - 1)
    assert.ok(lines.reduce((sum, n) => sum + n, 0) < 150, `${lines}`)
    const guide = readFileSync(new URL('../../../CONTRIBUTING.md', import.meta.url), 'utf8')
    for (const file of readdirSync(folder)) assert.ok(guide.includes(file), `CONTRIBUTING.md tells what ${file} is for`)
  })
})
