import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import type { RunningLane } from '../src/start-lane.ts'
import { World } from './fixtures/world.ts'

const patience = { timeoutMs: 60_000 }

/** Row 45 of the fault table, and the way there and back. */
describe('a destination that is dead', () => {
  let world: World
  let loader: RunningLane
  const env = { MILLRACE_DOWN_AFTER_MS: '300', MILLRACE_RETRY_MAX_MS: '200' }

  before(async () => {
    world = await World.start(3)
    loader = await world.startLoader(env)
  })
  after(async () => {
    if (loader) await world.stopLoader(loader)
    await world?.close()
  })

  const parkedPartitions = async (projectId: string) => {
    const rows = await world.store.db
      .selectFrom('parkings')
      .select('state')
      .where('project_id', '=', projectId)
      .execute()
    return rows.filter(({ state }) => state === 'parked').length
  }

  test('others are loaded to their end beside it, and its records return in order, each counted once', async () => {
    const dead = await world.addSink()
    dead.sink.script(() => ({ kind: 'status', status: 503 }))
    const first = await world.sendEvents(dead.run, 10_000)
    await until(async () => (await parkedPartitions(dead.projectId)) === 3, { ...patience, what: 'parking' })
    const second = await world.sendEvents(dead.run, 10_000)

    const beside = await world.addSink()
    const ids = await world.sendEvents(beside.run, 60_000, 500)
    await world.end(beside.run)
    await world.whole(beside.run)
    assert.deepEqual(new Set(beside.sink.state.insertIds), new Set(ids))
    assert.equal(dead.sink.state.events.size, 0)
    assert.equal((await world.counts(dead.run)).rows, 0, 'parked records were counted')

    // Back while more comes: what is parked, what is forwarded meanwhile and what flows directly are one stream.
    dead.sink.script(() => undefined)
    const third = await world.sendEvents(dead.run, 5000)
    await until(async () => (await parkedPartitions(dead.projectId)) === 0, { ...patience, what: 'the return' })
    const fourth = await world.sendEvents(dead.run, 5000)
    await world.end(dead.run)
    await world.whole(dead.run)
    assert.deepEqual(new Set(dead.sink.state.insertIds), new Set([...first, ...second, ...third, ...fourth]))
  })

  test('profiles parked over several versions end at the last one', async () => {
    const { sink, projectId } = await world.addSink()
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
    await until(() => sink.state.profiles.size === 200, patience)
    sink.script(() => ({ kind: 'status', status: 500 }))
    for (let version = 1; version < 6; version++) await send(version)
    await until(async () => (await parkedPartitions(projectId)) === 1, { ...patience, what: 'parking' })
    for (let version = 6; version < 9; version++) await send(version)
    sink.script(() => undefined)
    await send(9)
    await until(async () => (await parkedPartitions(projectId)) === 0, { ...patience, what: 'the return' })
    await send(10)
    await world.end(run)
    await world.whole(run)
    for (const profile of sink.state.profiles.values()) assert.deepEqual(profile, { version: 10 })
  })

  test('a loader that restarts while a project is parked goes on parking, then drains', async () => {
    const { sink, projectId, run } = await world.addSink()
    sink.script(() => ({ kind: 'status', status: 503 }))
    const first = await world.sendEvents(run, 3000)
    await until(async () => (await parkedPartitions(projectId)) === 3, { ...patience, what: 'parking' })
    await world.stopLoader(loader)
    const second = await world.sendEvents(run, 3000)
    loader = await world.startLoader(env)
    await world.end(run)
    await until(() => sink.requests.length > 20, { ...patience, what: 'another try' })
    assert.equal((await world.counts(run)).rows, 0)
    sink.script(() => undefined)
    await world.whole(run)
    assert.deepEqual(new Set(sink.state.insertIds), new Set([...first, ...second]))
    await until(async () => (await parkedPartitions(projectId)) === 0, { ...patience, what: 'the return' })
  })
})
