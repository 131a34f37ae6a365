import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import { startBigQueryServer } from '@millrace/testkit/bigquery/bigquery-server.ts'
import { exportedEvents } from '../src/exported-events.ts'
import { quickToNotice } from '../src/start-test-stack.ts'
import { withStack } from '../src/with-stack.ts'

const server = await startBigQueryServer({ streamRows: 3000 })
server.grants.readSessions = true
after(() => server.close())
for (const [dataset, grants] of [
  ['shop', server.grants.viewer],
  ['analytics_1', server.grants.viewer],
  ['millrace', server.grants.owner],
] as const) {
  server.createDataset(dataset)
  grants.add(dataset)
}
const endpoint = {
  MILLRACE_BIGQUERY_ENDPOINT: server.endpoint,
  MILLRACE_BIGQUERY_STORAGE_ENDPOINT: server.storageRead.endpoint,
}

const world = withStack({
  partitions: 4,
  env: {
    ...quickToNotice,
    'control-api': endpoint,
    extractor: { ...quickToNotice.extractor, ...endpoint, MILLRACE_WAREHOUSE: 'bigquery', MILLRACE_CHUNK_ROWS: '2000' },
    transformer: { ...quickToNotice.transformer, MILLRACE_WAREHOUSES: 'postgres,bigquery' },
  },
})

const mapping = {
  tableType: 'events',
  eventName: { value: 'Visit' },
  time: 'time',
  userId: 'visitor',
  leaveOut: ['inserted_at'],
}

test('two append runs from BigQuery, one by streams and one by pages, bring every row once, reject one whose JSON is too large, and leave nothing behind in the warehouse', async () => {
  const { pipeline } = world
  const project = await pipeline.createProject('bigquery')
  await makeVisits()
  const { id: sourceId } = await createSource(project.id)
  const sync = await pipeline.createSync(project, {
    name: 'visits',
    sourceId,
    table: { schema: 'shop', name: 'visits' },
    tableType: 'events',
    mode: 'append',
    insertTimeColumn: 'inserted_at',
    overlapMs: 0,
    mapping,
  })

  await insertVisits(0, 10_000)
  await server.change('shop', 'visits', 'INSERT INTO $table SELECT * FROM $table WHERE n < 5')
  const first = await run()
  assert.deepEqual([first.read, first.events, first.collapsed, first.missing], [10_005, 10_000, 5, 0])
  const streams = new Set(server.storageRead.reads.map((read) => read.split(' ')[0]))
  assert.equal(streams.size, 4)
  const sessions = server.storageRead.sessions.length
  await insertVisits(10_000, 10_700)
  // More than an event may hold.
  await server.change(
    'shop',
    'visits',
    `UPDATE $table SET details = '{"a": "' || repeat('x', 1200000) || '"}' WHERE n = 10500`,
  )
  const second = await run()
  assert.deepEqual([second.read, second.events, second.rejected, second.missing], [700, 699, 1, 0])
  assert.equal(server.storageRead.sessions.length, sessions)

  const left = () => [...server.storage.tables.values()].filter(({ dataset }) => dataset === 'millrace')
  await until(() => left().length === 0, { what: 'the removal of the rows that were set aside' })

  const numbers = (await exportedEvents(project, sync.importId)).map(({ properties }) => Number(properties.n))
  const all = Array.from({ length: 10_700 }, (_, n) => n)
  const loaded = all.filter((n) => n !== 10_500)
  assert.deepEqual(
    numbers.sort((a, b) => a - b),
    loaded,
  )

  async function run() {
    const { id } = await pipeline.startRun(project, sync.id)
    const { counts } = await pipeline.succeeded(project, id, { timeoutMs: 60_000, everyMs: 100 })
    return counts
  }
})

test('a preview warns of a table that every append run would scan as a whole', async () => {
  const { stack, pipeline } = world
  const project = await pipeline.createProject('preview')
  const source = await createSource(project.id)
  const fields = [{ name: 'n', type: 'INTEGER' }]
  await server.createTable('shop', 'plain', fields)
  await server.createTable('shop', 'parted', [...fields, { name: 'd', type: 'DATE' }], {
    timePartitioning: { type: 'DAY', field: 'd' },
  })
  const codes = async (name: string) => {
    const preview = await stack.api.post<{ warnings: { code: string }[] }>(
      `/v1/projects/${project.id}/sources/${source.id}/preview`,
      { table: { schema: 'shop', name } },
    )
    return preview.warnings.map(({ code }) => code)
  }
  assert.deepEqual([await codes('plain'), await codes('parted')], [['not_partitioned'], []])
})

test('the daily tables of a Google Analytics 4 export come as one table by the sync that is suggested for it, day by day, without intraday tables', async () => {
  const { stack, pipeline } = world
  const project = await pipeline.createProject('ga4')
  await insertDay('events_20240301', 0, 300)
  await insertDay('events_20240302', 300, 700)
  await insertDay('events_intraday_20240303', 700, 800)

  const api = `/v1/projects/${project.id}`
  const source = await createSource(project.id)
  const table = { schema: 'analytics_1', name: 'events_*' }
  const tables = `${api}/sources/${source.id}/schemas/analytics_1/tables`
  const listed = await stack.api.get<{ items: { name: string }[] }>(tables)
  assert.deepEqual(
    listed.items.map(({ name }) => name),
    ['events_*'],
  )
  const { suggestion } = await stack.api.get<{ suggestion: { mapping: object } }>(
    `${tables}/${encodeURIComponent(table.name)}`,
  )
  const preview = await stack.api.post<{ updates: { body: { event: string } }[]; rejects: unknown[] }>(
    `${api}/sources/${source.id}/preview`,
    { table, mapping: suggestion.mapping, limit: 3 },
  )
  assert.deepEqual([preview.updates.map(({ body }) => body.event), preview.rejects], [Array(3).fill('page_view'), []])
  const sync = await pipeline.createSync(project, { name: 'ga4', sourceId: source.id, table, ...suggestion })

  const run = async () => {
    const { id } = await pipeline.startRun(project, sync.id)
    const { counts } = await pipeline.succeeded(project, id, { timeoutMs: 60_000, everyMs: 100 })
    return [counts.read, counts.events, counts.readAgain, counts.rejected, counts.missing]
  }
  assert.deepEqual(await run(), [700, 700, 0, 0, 0])
  // The third day is over: its table is made, and the second day gets events that came late.
  server.storage.drop('analytics_1', 'events_intraday_20240303')
  await insertDay('events_20240303', 700, 1000)
  await insertDay('events_20240302', 1000, 1010)
  assert.deepEqual(await run(), [1010, 310, 700, 0, 0])

  const events = await exportedEvents(project, sync.importId)
  assert.deepEqual(
    events.map(({ properties }) => Number(properties.page)).sort((a, b) => a - b),
    Array.from({ length: 1010 }, (_, n) => n),
  )
  const late = events.find(({ properties }) => properties.page === 1005)
  const { event_date, device_category, user_property_plan, time, distinct_id } = late?.properties ?? {}
  assert.equal(late?.event, 'page_view')
  assert.deepEqual(
    { event_date, device_category, user_property_plan, time, distinct_id },
    {
      event_date: '2024-03-02',
      device_category: 'mobile',
      user_property_plan: 'gold',
      time: Date.UTC(2024, 2, 2, 12),
      distinct_id: 'user 35',
    },
  )
})

function createSource(projectId: string): Promise<{ readonly id: string }> {
  return world.stack.api.post(`/v1/projects/${projectId}/sources`, {
    name: 'bigquery',
    warehouse: 'bigquery',
    options: { projectId: server.projectId, stagingDataset: 'millrace' },
    secrets: { serviceAccountKey: server.serviceAccount.keyFile },
  })
}

async function makeVisits(): Promise<void> {
  const fields = [
    { name: 'n', type: 'INTEGER' },
    { name: 'time', type: 'TIMESTAMP' },
    { name: 'visitor', type: 'STRING' },
    { name: 'amount', type: 'NUMERIC' },
    { name: 'details', type: 'JSON' },
    { name: 'inserted_at', type: 'TIMESTAMP' },
  ]
  await server.createTable('shop', 'visits', fields, { timePartitioning: { type: 'DAY', field: 'inserted_at' } })
}

async function insertVisits(from: number, to: number): Promise<void> {
  const start = "TIMESTAMPTZ '2024-03-01 00:00:00+00'"
  await server.change(
    'shop',
    'visits',
    `INSERT INTO $table SELECT n, ${start} + to_seconds(n), 'visitor ' || n % 97, n / 4.0, '{"plan": 1}', ${start} + to_microseconds(n) FROM range(${from}, ${to}) t(n)`,
  )
}

/** Events of one day, with a number each, in the shape of https://support.google.com/analytics/answer/7029846, shortened. */
async function insertDay(name: string, from: number, to: number): Promise<void> {
  const text = { name: 'string_value', type: 'STRING' }
  const value = { name: 'value', type: 'RECORD', fields: [text, { name: 'int_value', type: 'INTEGER' }] }
  const bag = { type: 'RECORD', mode: 'REPEATED', fields: [{ name: 'key', type: 'STRING' }, value] } as const
  const fields = [
    { name: 'event_date', type: 'STRING' },
    { name: 'event_timestamp', type: 'INTEGER' },
    { name: 'event_name', type: 'STRING' },
    { name: 'event_params', ...bag },
    { name: 'user_id', type: 'STRING' },
    { name: 'user_pseudo_id', type: 'STRING' },
    { name: 'user_properties', ...bag },
    { name: 'device', type: 'RECORD', fields: [{ name: 'category', type: 'STRING' }] },
  ]
  if (server.storage.find('analytics_1', name) === null) await server.createTable('analytics_1', name, fields)
  const day = name.slice(-8)
  const noon = Date.UTC(Number(day.slice(0, 4)), Number(day.slice(4, 6)) - 1, Number(day.slice(6)), 12) * 1000
  const typed = (string: string, int: string) => `{'string_value': ${string}, 'int_value': ${int}}`
  await server.change(
    'analytics_1',
    name,
    `INSERT INTO $table SELECT '${day}', ${noon}, 'page_view', [{'key': 'page', 'value': ${typed('NULL', 'n')}}],
     'user ' || n % 97, 'pseudo ' || n, [{'key': 'plan', 'value': ${typed("'gold'", 'NULL')}}], {'category': 'mobile'}
     FROM range(${from}, ${to}) t(n)`,
  )
}
