import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import type { ScriptedSink, SinkFault } from '@millrace/testkit/scripted-sink.ts'
import type { RunningLane } from '../src/start-lane.ts'
import { eventBody, World } from './fixtures/world.ts'

/** Rows 33 to 39 and 44 of the fault table, on real Kafka and Postgres. */
describe('a destination that misbehaves', () => {
  let world: World
  let loader: RunningLane

  before(async () => {
    world = await World.start(2)
    loader = await world.startLoader({ MILLRACE_BATCH_RECORDS: '500' })
  })
  after(async () => {
    if (loader) await world.stopLoader(loader)
    await world?.close()
  })

  const status = (code: number, retryAfterS?: number): SinkFault => ({
    kind: 'status',
    status: code,
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
  })
  const stored = (sink: ScriptedSink) => new Set(sink.state.insertIds)

  test('429 is waited for as long as asked, with and without Retry-After, and nothing is rejected', async () => {
    const { sink, run } = await world.addSink()
    sink.script(({ n }) => (n < 4 ? status(429, n % 2 === 0 ? 2 : undefined) : undefined))
    const ids = await world.sendEvents(run, 3000)
    await world.end(run)
    await world.whole(run)
    assert.deepEqual(stored(sink), new Set(ids))
    assert.equal(sink.faults.get('status_429'), 4)
    const first = sink.requests[0]!.atMs
    // Requests that were on their way when the first answer came are not held against the loader.
    const early = sink.requests.filter(({ atMs }) => atMs > first + 1000 && atMs < first + 1990)
    assert.deepEqual(early, [], 'a request came earlier than the destination had asked for')
  })

  test('30 % of 500, 502, 503 and 504 cost at most 1.6 requests for each', async () => {
    const { sink, run } = await world.addSink()
    let seed = 7
    const random = () => {
      seed = (seed * 16_807) % 2_147_483_647
      return seed / 2_147_483_647
    }
    sink.script(({ n }) => (random() < 0.3 ? status([500, 502, 503, 504][n % 4]!) : undefined))
    const ids = await world.sendEvents(run, 30_000, 500)
    await world.end(run)
    await world.whole(run)
    assert.deepEqual(stored(sink), new Set(ids))
    assert.ok([...sink.faults.values()].reduce((a, b) => a + b, 0) > 5, 'the mix did not happen')
    assert.ok(sink.requests.length <= 60 * 1.6, `${sink.requests.length} requests for 60 batches`)
    assert.equal(sink.state.copies, 0)
  })

  test('of a partly refused batch exactly the bad records are rejected, with field and reason, and none is sent again', async () => {
    const { sink, run } = await world.addSink()
    const bad = (id: string, n: number) => (n % 100 === 3 ? eventBody(id, n).replace('1700', '9900') : eventBody(id, n))
    const ids = await world.sendEvents(run, 2000, 200, bad)
    await world.end(run)
    await world.whole(run, 20)
    assert.deepEqual(stored(sink), new Set(ids.filter((_, n) => n % 100 !== 3)))
    assert.equal(sink.state.copies, 0)
    const rejects = await world.store.db.selectFrom('rejects').selectAll().where('run_id', '=', run.runId).execute()
    assert.equal(rejects.length, 20)
    for (const { code, field, message, stage, row_id: rowId } of rejects) {
      assert.deepEqual([code, field, stage], ['refused_by_destination', 'properties.time', 'loader'])
      assert.match(message, /invalid/)
      assert.match(rowId, /^[0-9a-f]{64}$/)
    }
    assert.equal(new Set(rejects.map(({ row_id: rowId }) => rowId)).size, 20)
  })

  test('a refusal without detail is bisected to exactly the bad records', async () => {
    const { sink, run } = await world.addSink({ withoutDetail: true })
    const bad = (id: string, n: number) => (n === 77 || n === 640 ? '{"event":"","properties":{}}' : eventBody(id, n))
    const ids = await world.sendEvents(run, 1000, 100, bad)
    await world.end(run)
    await world.whole(run, 2)
    assert.deepEqual(stored(sink), new Set(ids.filter((_, n) => n !== 77 && n !== 640)))
    assert.ok(sink.requests.length <= 4 * 20, `${sink.requests.length} requests to find two records`)
  })

  test('413 halves until it fits, and a single record that is too large is rejected', async () => {
    const { sink, run } = await world.addSink({ recordsMax: 90, bytesMax: 20_000 })
    const wide = (id: string, n: number) =>
      n === 5 ? eventBody(id, n).replace('Visit', 'x'.repeat(30_000)) : eventBody(id, n)
    const ids = await world.sendEvents(run, 1000, 100, wide)
    await world.end(run)
    await world.whole(run, 1)
    assert.deepEqual(stored(sink), new Set(ids.filter((_, n) => n !== 5)))
    assert.equal(sink.state.copies, 0)
  })

  test('a refused secret stops the project without losing a record, until the secret is mended', async () => {
    const { sink, projectId, run } = await world.addSink()
    const first = await world.sendEvents(run, 500)
    await until(() => sink.state.events.size === 500)
    sink.setSecret('another')
    const second = await world.sendEvents(run, 1500)
    await world.end(run)
    const attention = () =>
      world.store.db.selectFrom('projects').select('attention').where('id', '=', projectId).executeTakeFirstOrThrow()
    await until(async () => (await attention()).attention !== null)
    assert.equal((await attention()).attention!.code, 'destination_refused_401')
    assert.equal((await world.counts(run)).rejected, 0)
    assert.equal((await world.counts(run)).ends, 0)
    sink.script(() => undefined)
    await world.changeSecret(projectId, 'another')
    await world.whole(run)
    assert.deepEqual(stored(sink), new Set([...first, ...second]))
    assert.equal((await attention()).attention, null)
  })

  test('requests that are carried out while their answer is lost are sent again with the same ids', async () => {
    const { sink, run } = await world.addSink()
    sink.script(({ n }) => (n % 3 === 0 ? { kind: 'lost_answer' } : undefined))
    const ids = await world.sendEvents(run, 5000)
    await world.end(run)
    await world.whole(run)
    assert.deepEqual(stored(sink), new Set(ids))
    assert.equal(sink.state.events.size, 5000)
    assert.ok(sink.state.copies > 0, 'nothing was sent twice: no answer was lost')
  })

  test('answers that are no answers are unknown outcomes: tried again, in bounded size', async () => {
    const { sink, run } = await world.addSink()
    const faults: SinkFault[] = [
      { kind: 'garbage', body: '<html>welcome</html>' },
      { kind: 'garbage', body: '' },
      { kind: 'garbage', body: '{"hello":1}' },
      status(204),
      { kind: 'endless' },
      { kind: 'gzip_bomb' },
    ]
    sink.script(({ n }) => faults[n])
    const ids = await world.sendEvents(run, 2000)
    await world.end(run)
    const before = process.memoryUsage.rss()
    await world.whole(run)
    assert.deepEqual(stored(sink), new Set(ids))
    assert.equal(sink.faults.get('endless'), 1)
    assert.equal(sink.faults.get('gzip_bomb'), 1)
    assert.ok(process.memoryUsage.rss() - before < 200 * 1024 * 1024)
  })

  test('profiles carry the project token, and the last update of a row wins', async () => {
    const { sink, projectId } = await world.addSink()
    const run = await world.addRun(projectId, { tableType: 'user_profiles', profileKind: 'standard', userId: 'id' })
    sink.script(({ n }) => (n % 4 === 1 ? { kind: 'delay', ms: 200 } : n % 4 === 2 ? status(503) : undefined))
    for (let version = 0; version < 5; version++) {
      const bodies = Array.from({ length: 50 }, (_, n) => `{"$distinct_id":"u${n}","$set":{"version":${version}}}`)
      await world.send(
        run,
        0,
        bodies,
        Array.from({ length: 50 }, (_, n) => `row-${n}`),
      )
    }
    await world.end(run)
    await world.whole(run)
    assert.ok(sink.faults.get('delay')! > 0 && sink.faults.get('status_503')! > 0)
    assert.equal(sink.state.profiles.size, 50)
    for (const [key, profile] of sink.state.profiles) {
      assert.ok(key.startsWith(`token-${projectId}/u`))
      assert.deepEqual(profile, { version: 4 })
    }
  })
})
