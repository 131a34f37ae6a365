import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import { startBigQueryServer } from '@millrace/testkit/bigquery/bigquery-server.ts'
import { exportedEvents } from '../src/exported-events.ts'
import { quickToNotice } from '../src/start-test-stack.ts'
import { withStack } from '../src/with-stack.ts'

const server = await startBigQueryServer()
after(() => server.close())
const endpoint = { MILLRACE_BIGQUERY_ENDPOINT: server.endpoint }

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

test('two append runs from BigQuery bring every row once, reject one whose JSON is too large, and leave nothing behind in the warehouse', async () => {
  const { stack, pipeline } = world
  const project = await pipeline.createProject('bigquery')
  await makeVisits()
  const api = `/v1/projects/${project.id}`
  const { id: sourceId } = await stack.api.post<{ id: string }>(`${api}/sources`, {
    name: 'bigquery',
    warehouse: 'bigquery',
    options: { projectId: server.projectId, stagingDataset: 'millrace' },
    secrets: { serviceAccountKey: server.serviceAccount.keyFile },
  })
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
  await insertVisits(10_000, 10_700)
  // More than an event may hold.
  await server.change(
    'shop',
    'visits',
    `UPDATE $table SET details = '{"a": "' || repeat('x', 1200000) || '"}' WHERE n = 10500`,
  )
  const second = await run()
  assert.deepEqual([second.read, second.events, second.rejected, second.missing], [700, 699, 1, 0])

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

test('mirror is refused, and the answer says that it is not yet there', async () => {
  const { stack, pipeline } = world
  const project = await pipeline.createProject('mirror')
  const { id: sourceId } = await stack.api.post<{ id: string }>(`/v1/projects/${project.id}/sources`, {
    name: 'bigquery',
    warehouse: 'bigquery',
    options: { projectId: server.projectId, stagingDataset: 'millrace' },
    secrets: { serviceAccountKey: server.serviceAccount.keyFile },
  })
  const body = {
    name: 'x',
    sourceId,
    table: { schema: 'shop', name: 'visits' },
    tableType: 'events',
    mode: 'mirror',
    mapping,
  }
  await assert.rejects(pipeline.createSync(project, body), /not yet in this version/)
})

async function makeVisits(): Promise<void> {
  server.createDataset('shop')
  server.createDataset('millrace')
  server.grants.viewer.add('shop')
  server.grants.owner.add('millrace')
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
