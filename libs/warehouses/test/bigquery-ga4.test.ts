import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { validateMapping } from '@millrace/domain/mapping/validate.ts'
import { ga4Suggestion } from '@millrace/domain/sync/ga4.ts'
import type { Field } from '@millrace/testkit/bigquery/rest-values.ts'
import { flattenGa4 } from '@millrace/warehouses/bigquery/ga4-flatten.ts'
import { ga4Source } from '@millrace/warehouses/bigquery/ga4-tables.ts'
import type { PlanRequest, ReadPlan } from '@millrace/warehouses/warehouse.ts'
import { type BigQuerySource, field, readAll, requestFor, shopTable, signal, startSource } from './bigquery-source.ts'
import { CollectingSink, type Row } from './collecting-sink.ts'

const dataset = 'analytics_123456'
const table = { schema: dataset, name: 'events_*' }

const value = (more: readonly Field[] = []): Field =>
  field('value', 'RECORD', {
    fields: [
      field('string_value', 'STRING'),
      field('int_value', 'INTEGER'),
      field('float_value', 'FLOAT'),
      field('double_value', 'FLOAT'),
      ...more,
    ],
  })
const bag = (name: string, more: readonly Field[] = []): Field =>
  field(name, 'RECORD', { mode: 'REPEATED', fields: [field('key', 'STRING'), value(more)] })

/** The shape of https://support.google.com/analytics/answer/7029846, shortened. */
const exported: readonly Field[] = [
  field('event_date', 'STRING'),
  field('event_timestamp', 'INTEGER'),
  field('event_name', 'STRING'),
  bag('event_params'),
  field('event_previous_timestamp', 'INTEGER'),
  field('event_value_in_usd', 'FLOAT'),
  field('user_id', 'STRING'),
  field('user_pseudo_id', 'STRING'),
  field('privacy_info', 'RECORD', { fields: [field('ads_storage', 'STRING')] }),
  bag('user_properties', [field('set_timestamp_micros', 'INTEGER')]),
  field('device', 'RECORD', {
    fields: [field('category', 'STRING'), field('web_info', 'RECORD', { fields: [field('browser', 'STRING')] })],
  }),
  field('geo', 'RECORD', { fields: [field('country', 'STRING')] }),
  field('items', 'RECORD', {
    mode: 'REPEATED',
    fields: [field('item_id', 'STRING'), field('quantity', 'INTEGER')],
  }),
  field('is_active_user', 'BOOLEAN'),
]

const names = flattenGa4(exported).columns.map(({ name }) => name)
const valueIn = (row: Row | undefined, name: string) => row?.values[names.indexOf(name)]

const noon = Date.UTC(2026, 10, 20, 12) * 1000

type Event = { readonly day: string; readonly name: string; readonly user?: string; readonly country?: string }

/** An event of a page with a parameter of each type. */
function rowSql({ day, name, user = 'u1', country = 'DE' }: Event): string {
  const typed = (text: string, kind: string) =>
    `{'string_value': ${kind === 's' ? `'${text}'` : 'NULL'}, 'int_value': ${kind === 'i' ? text : 'NULL'}, 'float_value': NULL, 'double_value': ${kind === 'd' ? text : 'NULL'}}`
  const property = (text: string) => typed(text, 's').replace('}', ", 'set_timestamp_micros': 1}")
  return `('${day}', ${noon}, '${name}',
    [{'key': 'page', 'value': ${typed('/a', 's')}}, {'key': 'ga_session_id', 'value': ${typed('9007199254740993', 'i')}},
     {'key': 'amount', 'value': ${typed('1.5', 'd')}}, {'key': 'empty', 'value': ${typed('', 'n')}}],
    NULL, NULL, '${user}', 'p-${user}', {'ads_storage': 'Yes'}, [{'key': 'plan', 'value': ${property('gold')}}],
    {'category': 'mobile', 'web_info': {'browser': 'Safari'}}, {'country': '${country}'},
    [{'item_id': 'sku', 'quantity': 2}], true)`
}

describe('a Google Analytics 4 export', () => {
  let source: BigQuerySource
  let run = 0
  before(async () => {
    source = await startSource()
    source.server.createDataset(dataset)
    source.server.grants.viewer.add(dataset)
  })
  after(() => source.stop())

  const day = async (name: string, events: readonly Event[]) => {
    const { server } = source
    if (server.storage.find(dataset, name) === null) await server.createTable(dataset, name, exported)
    if (events.length > 0)
      await server.change(dataset, name, `INSERT INTO $table VALUES ${events.map(rowSql).join(', ')}`)
  }
  const request = (more: Partial<PlanRequest>): PlanRequest =>
    requestFor('x', {
      table,
      mode: 'append',
      insertTimeColumn: 'event_date',
      runId: `01900000-0000-7000-8000-${String(++run).padStart(12, '0')}`,
      ...more,
    })
  const namesOf = (rows: Awaited<ReturnType<typeof readAll>>['rows']) =>
    rows.map((row) => String(valueIn(row, 'event_name'))).sort()

  test('without a daily table is told so', async () => {
    await day('events_intraday_20261121', [{ day: '20261121', name: 'too early' }])
    await day('events_fresh_20261121', [{ day: '20261121', name: 'too early' }])
    assert.equal(
      (await source.warehouse.listTables(dataset, signal)).some(({ name }) => name === 'events_*'),
      false,
    )
    await assert.rejects(source.warehouse.describeTable(table, signal), { code: 'table_not_found' })
  })

  test('is offered as one table, without days that are not over', async () => {
    await day('events_20261119', [{ day: '20261119', name: 'first' }])
    await day('events_20261120', [{ day: '20261120', name: 'second' }])
    await day('users_20261120', [])
    const listed = (await source.warehouse.listTables(dataset, signal)).map(({ name }) => name)
    assert.deepEqual(listed, ['events_*', 'users_20261120'])
  })

  test('has flat columns that the suggested mapping fits', async () => {
    const described = await source.warehouse.describeTable(table, signal)
    assert.deepEqual(
      described.columns.map(({ name, type }) => `${name} ${type}`),
      [
        'event_date date',
        'event_timestamp timestamp',
        'event_name string',
        'properties json',
        'event_previous_timestamp integer',
        'event_value_in_usd double',
        'user_id string',
        'user_pseudo_id string',
        'privacy_info_ads_storage string',
        'device_category string',
        'device_web_info_browser string',
        'geo_country string',
        'items json',
        'is_active_user boolean',
      ],
    )
    assert.deepEqual(validateMapping(ga4Suggestion.mapping, described), [])
  })

  test('gives one property per parameter, with its type, and user properties behind a prefix', async () => {
    const sink = new CollectingSink(await source.warehouse.describeTable(table, signal), 10)
    await source.warehouse.preview(table, [], 10, sink, signal)
    const [row] = sink.rows
    assert.equal(sink.rows.length, 1, 'a preview reads the newest day only')
    assert.equal(
      String(valueIn(row, 'properties')),
      '{"amount":1.5,"empty":null,"ga_session_id":9007199254740993,"page":"/a","user_property_plan":"gold"}',
    )
    assert.deepEqual(JSON.parse(String(valueIn(row, 'items'))), [{ item_id: 'sku', quantity: 2 }])
    assert.equal(valueIn(row, 'device_web_info_browser'), 'Safari')
    assert.equal(BigInt(valueIn(row, 'event_timestamp') as bigint), BigInt(noon))
  })

  let first: ReadPlan
  test('is read by append from its first day, and never from intraday tables', async () => {
    const { plan, rows } = await readAll(source.warehouse, request({}))
    first = plan
    assert.deepEqual(namesOf(rows), ['first', 'second'])
    assert.equal(plan.range?.hi, '2026-11-20 00:00:00.000000')
    assert.equal(plan.range?.overlapMs, 3 * 86_400_000)
  })

  test('is read again for the last three days, with events that came late; the same rows have the same ids', async () => {
    for (let d = 21; d <= 24; d++) await day(`events_202611${d}`, [{ day: `202611${d}`, name: `day ${d}` }])
    await day('events_20261119', [{ day: '20261119', name: 'late' }])
    const { plan, rows } = await readAll(source.warehouse, request({ cursor: first.nextCursor }))
    assert.deepEqual(namesOf(rows), ['day 21', 'day 22', 'day 23', 'day 24', 'first', 'late', 'second'])
    assert.equal(plan.rowsReadAgain, 2, 'first and second; late is new')
    const before = await readAll(source.warehouse, request({ mode: 'one_time', insertTimeColumn: null }))
    const idOf = (all: typeof rows, name: string) => all.find((row) => valueIn(row, 'event_name') === name)?.id
    assert.deepEqual(idOf(rows, 'first'), idOf(before.rows, 'first'))

    await day('events_20261119', [{ day: '20261119', name: 'much too late' }])
    const next = await readAll(source.warehouse, request({ cursor: plan.nextCursor }))
    assert.deepEqual(namesOf(next.rows), ['day 22', 'day 23', 'day 24'])
    assert.equal(next.plan.rowsReadAgain, 3)
  })

  test('costs the days that are read, not the whole export', async () => {
    const estimate = (more: object) =>
      source.warehouse.estimate(
        { table, mode: 'append', insertTimeColumn: 'event_date', overlapMs: 0, cursor: null, ...more },
        signal,
      )
    const whole = await estimate({})
    const some = await estimate({ cursor: { hi: '2026-11-24 00:00:00.000000', pin: {} } })
    assert.ok(whole && some && some.bytes > 0 && some.bytes < whole.bytes, JSON.stringify({ whole, some }))
  })

  test('an event that Google changes later is another event: without a key, all columns tell a row', async () => {
    const before = await readAll(source.warehouse, request({ mode: 'one_time', insertTimeColumn: null }))
    await source.server.change(dataset, 'events_20261124', "UPDATE $table SET geo = {'country': 'FR'}")
    const now = await readAll(source.warehouse, request({ mode: 'one_time', insertTimeColumn: null }))
    const ids = new Set(before.rows.map(({ id }) => id.toString()))
    assert.equal(now.rows.filter(({ id }) => !ids.has(id.toString())).length, 1)
  })

  test('other columns than the day do not find its new rows', async () => {
    await assert.rejects(source.warehouse.plan(request({ insertTimeColumn: 'event_timestamp' }), signal), {
      code: 'insert_time_column_invalid',
    })
  })

  test('mirror is refused', async () => {
    await assert.rejects(source.warehouse.plan(request({ mode: 'mirror', insertTimeColumn: null }), signal), {
      code: 'mode_not_supported',
    })
  })

  test('tables of other datasets keep their names', async () => {
    await source.server.createTable('shop', 'events_20261120', exported)
    const listed = (await source.warehouse.listTables('shop', signal)).map(({ name }) => name)
    assert.deepEqual(listed, ['events_20261120'])
    await assert.rejects(source.warehouse.describeTable(shopTable('events_*'), signal), { code: 'name_invalid' })
  })

  test('its statement is the one that was agreed on', () => {
    const { select } = flattenGa4(exported)
    const sql = ga4Source('my-project-123', dataset, { select, newest: 'events_20261120' }, 'all')
    const file = new URL('../src/bigquery/golden/ga4.sql', import.meta.url)
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, `${sql}\n`)
    assert.equal(readFileSync(file, 'utf8'), `${sql}\n`)
  })
})
