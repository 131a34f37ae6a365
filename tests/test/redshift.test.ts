import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import { type RedshiftServer, startRedshiftServer } from '@millrace/testkit/redshift/redshift-server.ts'
import { exportedEvents } from '../src/exported-events.ts'
import { quickToNotice } from '../src/start-test-stack.ts'
import { withStack } from '../src/with-stack.ts'

const server: RedshiftServer = await startRedshiftServer()
after(() => server.close())
const aws = {
  MILLRACE_AWS_ENDPOINT: server.endpoint,
  MILLRACE_AWS_ACCESS_KEY_ID: server.identity.accessKeyId,
  MILLRACE_AWS_SECRET_ACCESS_KEY: server.identity.secretAccessKey,
}

const world = withStack({
  partitions: 4,
  env: {
    ...quickToNotice,
    'control-api': aws,
    extractor: { ...quickToNotice.extractor, ...aws, MILLRACE_WAREHOUSE: 'redshift', MILLRACE_CHUNK_ROWS: '1000' },
    transformer: { ...quickToNotice.transformer, MILLRACE_WAREHOUSES: 'postgres,redshift' },
  },
})

const user = `"IAMR:${server.roleName}"`
before(async () => {
  await server.sql(`CREATE SCHEMA shop; CREATE SCHEMA millrace;
    CREATE TABLE shop.visits (n INTEGER, time TIMESTAMP, visitor VARCHAR(40), amount DECIMAL(12,2), inserted_at TIMESTAMP);
    GRANT USAGE ON SCHEMA shop TO ${user}; GRANT SELECT ON shop.visits TO ${user}; GRANT USAGE, CREATE ON SCHEMA millrace TO ${user}`)
})

test('append and mirror from Redshift bring every row once and end equal to the table, and leave one snapshot behind', async () => {
  const { stack, pipeline } = world
  const project = await pipeline.createProject('redshift')
  const api = `/v1/projects/${project.id}`
  const { externalId } = await stack.api.get<{ externalId: string }>(api)
  const source = {
    name: 'redshift',
    warehouse: 'redshift',
    options: {
      awsAccountId: server.accountId,
      region: server.region,
      clusterId: server.clusterId,
      database: server.database,
      roleName: server.roleName,
      stagingBucket: server.bucket,
    },
    secrets: {},
  }
  await assert.rejects(
    stack.api.post(`${api}/sources`, source),
    /may not do this/,
    'the role does not trust the project yet',
  )
  server.trust.externalIds.add(externalId)
  const { id: sourceId } = await stack.api.post<{ id: string }>(`${api}/sources`, source)
  const body = {
    sourceId,
    table: { schema: 'shop', name: 'visits' },
    tableType: 'events',
    mapping: {
      tableType: 'events',
      eventName: { value: 'Visit' },
      time: 'time',
      userId: 'visitor',
      leaveOut: ['inserted_at'],
    },
  }
  const append = { ...body, name: 'append', mode: 'append', insertTimeColumn: 'inserted_at', overlapMs: 0 }
  const appended = await pipeline.createSync(project, append)
  await insertVisits(0, 3000)
  const first = await run(appended.id)
  assert.deepEqual([first.read, first.events, first.missing], [3000, 3000, 0])
  await insertVisits(3000, 3300)
  const second = await run(appended.id)
  assert.deepEqual([second.read, second.events, second.missing], [300, 300, 0])
  assert.deepEqual(await numbersOf(appended.importId), range(0, 3300))
  await until(async () => (await left()).length === 0, { what: 'the removal of the rows that were set aside' })

  const mirrored = await pipeline.createSync(project, { ...body, name: 'mirror', mode: 'mirror' })
  await run(mirrored.id)
  await server.sql(`DELETE FROM shop.visits WHERE n < 100; UPDATE shop.visits SET visitor = 'moved' WHERE n = 200`)
  await insertVisits(3300, 3400)
  await run(mirrored.id)
  await until(async () => (await numbersOf(mirrored.importId)).length === 3300, { what: 'the mirrored events' })
  assert.deepEqual(await numbersOf(mirrored.importId), range(100, 3400))
  await until(async () => (await left()).length === 1, { what: 'one snapshot and nothing else' })
  assert.match((await left())[0] ?? '', /^snapshot_/)

  async function run(syncId: string) {
    const { id } = await pipeline.startRun(project, syncId)
    const { counts } = await pipeline.succeeded(project, id, { timeoutMs: 60_000, everyMs: 100 })
    return counts
  }
  async function numbersOf(importId: string): Promise<readonly number[]> {
    const events = await exportedEvents(project, importId)
    return events.map(({ properties }) => Number(properties.n)).sort((a, b) => a - b)
  }
})

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i)

/** Tables of the staging schema and objects of the bucket. */
async function left(): Promise<readonly string[]> {
  const { rows } = await server.sql(
    `SELECT relname FROM pg_class WHERE relnamespace = 'millrace'::regnamespace AND relkind = 'r'`,
  )
  return [...rows.map(({ relname }) => String(relname)), ...server.objects.list('').map(({ key }) => key)]
}

async function insertVisits(from: number, to: number): Promise<void> {
  const start = "TIMESTAMP '2024-03-01 00:00:00'"
  await server.sql(
    `INSERT INTO shop.visits SELECT n, ${start} + n * INTERVAL '1 second', 'visitor ' || n % 97, n / 4.0, ${start} + n * INTERVAL '1 microsecond'
     FROM generate_series(${from}, ${to} - 1) n`,
  )
}
