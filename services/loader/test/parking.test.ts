import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import { type ScriptedSink, startScriptedSink } from '@millrace/testkit/scripted-sink.ts'
import type { RunningLane } from '../src/start-lane.ts'
import { World } from './fixtures/world.ts'

/** Row 45 of the fault table, and the way there and back. */
describe('a destination that is dead', () => {
  let world: World
  let loader: RunningLane
  const sinks: ScriptedSink[] = []
  const env = { MILLRACE_DOWN_AFTER_MS: '300', MILLRACE_RETRY_MAX_MS: '200' }

  before(async () => {
    world = await World.start(3)
    loader = await world.startLoader(env)
  })
  after(async () => {
    if (loader) await world.stopLoader(loader)
    await Promise.all(sinks.map((sink) => sink.close()))
    await world?.close()
  })

  async function sinkWithRun() {
    const sink = await startScriptedSink({ username: 'loader', secret: 'secret' })
    sinks.push(sink)
    const projectId = await world.addProject(sink.url)
    return { sink, projectId, run: await world.addRun(projectId) }
  }

  const parkedPartitions = async (projectId: string) => {
    const rows = await world.store.db
      .selectFrom('parkings')
      .select('state')
      .where('project_id', '=', projectId)
      .execute()
    return rows.filter(({ state }) => state === 'parked').length
  }

  async function rateOf(count: number): Promise<number> {
    const { sink, run } = await sinkWithRun()
    const started = performance.now()
    const ids = await world.sendEvents(run, count, 500)
    await world.end(run)
    await world.whole(run)
    assert.deepEqual(new Set(sink.state.insertIds), new Set(ids))
    return (count * 1000) / (performance.now() - started)
  }

  test('others keep four fifths of their speed, and its records return in order, each counted once', async () => {
    await rateOf(20_000) // warm
    const baseline = Math.max(await rateOf(60_000), await rateOf(60_000))

    const dead = await sinkWithRun()
    dead.sink.script(() => ({ kind: 'status', status: 503 }))
    const first = await world.sendEvents(dead.run, 10_000)
    await until(async () => (await parkedPartitions(dead.projectId)) === 3, { what: 'parking' })
    const second = await world.sendEvents(dead.run, 10_000)
    const beside = Math.max(await rateOf(60_000), await rateOf(60_000))
    assert.ok(
      beside >= baseline * 0.8,
      `${Math.round(beside)}/s beside a dead destination, ${Math.round(baseline)}/s without`,
    )
    assert.equal(dead.sink.state.events.size, 0)
    assert.equal((await world.counts(dead.run)).rows, 0, 'parked records were counted')

    // Back while more comes: what is parked, what is forwarded meanwhile and what flows directly are one stream.
    dead.sink.script(() => undefined)
    const third = await world.sendEvents(dead.run, 5000)
    await until(async () => (await parkedPartitions(dead.projectId)) === 0, { timeoutMs: 40_000, what: 'the return' })
    const fourth = await world.sendEvents(dead.run, 5000)
    await world.end(dead.run)
    await world.whole(dead.run)
    assert.deepEqual(new Set(dead.sink.state.insertIds), new Set([...first, ...second, ...third, ...fourth]))
  })

  test('profiles parked over several versions end at the last one', async () => {
    const { sink, projectId } = await sinkWithRun()
    const run = await world.addRun(projectId, { tableType: 'user_profiles', profileKind: 'standard', userId: 'id' })
    const rows = Array.from({ length: 200 }, (_, n) => `row-${n}`)
    const send = (version: number) =>
      world.send(
        run,
        1,
        rows.map((_, n) => `{"$distinct_id":"u${n}","$set":{"version":${version}}}`),
        rows,
      )
    await send(0)
    await until(() => sink.state.profiles.size === 200)
    sink.script(() => ({ kind: 'status', status: 500 }))
    for (let version = 1; version < 6; version++) await send(version)
    await until(async () => (await parkedPartitions(projectId)) === 1, { what: 'parking' })
    for (let version = 6; version < 9; version++) await send(version)
    sink.script(() => undefined)
    await send(9)
    await until(async () => (await parkedPartitions(projectId)) === 0, { timeoutMs: 40_000, what: 'the return' })
    await send(10)
    await world.end(run)
    await world.whole(run)
    for (const profile of sink.state.profiles.values()) assert.deepEqual(profile, { version: 10 })
  })

  test('a loader that restarts while a project is parked goes on parking, then drains', async () => {
    const { sink, projectId, run } = await sinkWithRun()
    sink.script(() => ({ kind: 'status', status: 503 }))
    const first = await world.sendEvents(run, 3000)
    await until(async () => (await parkedPartitions(projectId)) === 3, { what: 'parking' })
    await world.stopLoader(loader)
    const second = await world.sendEvents(run, 3000)
    loader = await world.startLoader(env)
    await world.end(run)
    await until(() => sink.requests.length > 20, { what: 'another try' })
    assert.equal((await world.counts(run)).rows, 0)
    sink.script(() => undefined)
    await world.whole(run)
    assert.deepEqual(new Set(sink.state.insertIds), new Set([...first, ...second]))
    await until(async () => (await parkedPartitions(projectId)) === 0, { timeoutMs: 40_000, what: 'the return' })
  })
})
