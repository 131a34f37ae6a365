import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from '@millrace/local-stack/api-client.ts'
import { withStack } from '../src/with-stack.ts'

const world = withStack()

/** What is wrong with a row → the columns that differ from a good one, and the code of its reject. */
const BAD_ROWS: Readonly<Record<string, { readonly set: Readonly<Record<string, string>>; readonly code: string }>> = {
  'no time': { set: { time: 'NULL' }, code: 'time_missing' },
  'time in 1970': { set: { time: "timestamptz '1970-06-01T00:00:00Z'" }, code: 'time_too_early' },
  'time two hours ahead': { set: { time: "now() + interval '2 hours'" }, code: 'time_in_future' },
  'no id': { set: { user_id: 'NULL', device_id: 'NULL' }, code: 'id_missing' },
  'placeholder id': { set: { user_id: "'anonymous'" }, code: 'id_placeholder' },
  'event over 1 MB': { set: { note: "repeat('x', 1100000)" }, code: 'too_large' },
  '300 properties': {
    set: { details: "(SELECT json_object_agg('p' || i, i)::text FROM generate_series(1, 300) AS i)" },
    code: 'too_many_properties',
  },
  'invalid JSON': { set: { details: `'{"plan": '` }, code: 'json_invalid' },
  'NUL character': { set: { details: String.raw`'{"plan": "a\u0000b"}'` }, code: 'nul_character' },
}
const GOOD_ROWS = 50

test('a row with each kind of bad value ends as a reject with its reason, and the run succeeds', async () => {
  const { pipeline, source, stack } = world
  await source.query(`
    CREATE TABLE bad_rows (what text, time timestamptz, user_id text, device_id text, note text, details json,
      inserted_at timestamptz NOT NULL DEFAULT now())`)
  await source.query('ALTER TABLE bad_rows ALTER details TYPE text')
  await source.query(`
    INSERT INTO bad_rows (what, time, user_id, details)
    SELECT 'good ' || n, timestamptz '2024-01-01T00:00:00Z' + n * interval '1 h', 'user-' || n, '{"plan":"pro"}'
    FROM generate_series(1, ${GOOD_ROWS}) AS n`)
  for (const [what, { set }] of Object.entries(BAD_ROWS)) {
    const row = { time: "timestamptz '2024-01-01T00:00:00Z'", user_id: "'someone'", device_id: 'NULL', note: 'NULL' }
    const values = { ...row, details: 'NULL', ...set }
    await source.query(
      `INSERT INTO bad_rows (what, ${Object.keys(values).join(', ')}) VALUES ('${what}', ${Object.values(values).join(', ')})`,
    )
  }
  await source.query(`GRANT SELECT ON bad_rows TO ${source.reader}`)
  const project = await pipeline.createProject('bad rows')
  const { id: sourceId } = await pipeline.createSource(project, 'bad rows', source.connection)
  const sync = await pipeline.createSync(project, syncBody(sourceId, 'details'))
  const { id: runId } = await pipeline.startRun(project, sync.id)
  const run = await pipeline.succeeded(project, runId, { timeoutMs: 60_000 })

  assert.equal(run.counts.events, GOOD_ROWS)
  assert.equal(run.counts.rejected, Object.keys(BAD_ROWS).length)
  assert.equal(run.counts.missing, 0)
  const { items } = await stack.api.get<{ items: { code: string; message: string }[] }>(
    `/v1/projects/${project.id}/runs/${runId}/rejects`,
  )
  assert.deepEqual(
    items.map(({ code }) => code).sort(),
    Object.values(BAD_ROWS)
      .map(({ code }) => code)
      .sort(),
  )
  for (const { message } of items) assert.ok(message.length > 10)
})

test('a mapping to a column that is not there is refused when the sync is made, with the place of the mistake', async () => {
  const { pipeline, source } = world
  await source.query('CREATE TABLE small (time timestamptz, user_id text, details json, inserted_at timestamptz)')
  await source.query(`GRANT SELECT ON small TO ${source.reader}`)
  const project = await pipeline.createProject('missing column')
  const { id: sourceId } = await pipeline.createSource(project, 'missing column', source.connection)
  const body = { ...syncBody(sourceId), table: { schema: 'public', name: 'small' } }
  const wrong = { ...body, mapping: { ...body.mapping, userId: 'no_such_column' } }
  await assert.rejects(pipeline.createSync(project, wrong), (error) => {
    assert.ok(error instanceof ApiError)
    assert.equal(error.status, 422)
    assert.equal(error.code, 'mapping_invalid')
    assert.deepEqual(
      error.problem.errors?.map(({ code }) => code),
      ['column_missing'],
    )
    return true
  })
})

function syncBody(sourceId: string, jsonProperties?: string) {
  return {
    name: 'bad rows',
    sourceId,
    table: { schema: 'public', name: 'bad_rows' },
    tableType: 'events',
    mode: 'append',
    insertTimeColumn: 'inserted_at',
    overlapMs: 0,
    mapping: {
      tableType: 'events',
      eventName: { value: 'Bad' },
      time: 'time',
      userId: 'user_id',
      ...(jsonProperties === undefined ? {} : { deviceId: 'device_id', jsonProperties }),
    },
  }
}
