import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import type { RunningLane } from '../../src/start-lane.ts'
import { World } from '../fixtures/world.ts'

// Compares speeds, so it needs a machine of its own and is not part of `npm test`: npm run chaos -- dead-destination

const rows = 60_000
let world: World
let loader: RunningLane

before(async () => {
  world = await World.start(3)
  loader = await world.startLoader({ MILLRACE_DOWN_AFTER_MS: '300', MILLRACE_RETRY_MAX_MS: '200' })
})
after(async () => {
  if (loader) await world.stopLoader(loader)
  await world?.close()
})

/** Events a second that one project is loaded with. */
async function rate(): Promise<number> {
  const { run } = await world.addSink()
  const started = performance.now()
  await world.sendEvents(run, rows, 500)
  await world.end(run)
  await world.whole(run)
  return (rows * 1000) / (performance.now() - started)
}

test('beside a destination that is dead, others keep four fifths of their speed', async () => {
  await rate() // warm
  const alone = Math.max(await rate(), await rate(), await rate())
  const { sink, projectId, run } = await world.addSink()
  sink.script(() => ({ kind: 'status', status: 503 }))
  await world.sendEvents(run, 20_000)
  await until(
    async () => {
      const parked = await world.store.db
        .selectFrom('parkings')
        .selectAll()
        .where('project_id', '=', projectId)
        .execute()
      return parked.filter(({ state }) => state === 'parked').length === world.partitions
    },
    { timeoutMs: 60_000, what: 'parking' },
  )
  const beside = Math.max(await rate(), await rate(), await rate())
  console.log(`${Math.round(alone)} events/s alone, ${Math.round(beside)} events/s beside a dead destination`)
  assert.ok(beside >= alone * 0.8)
})
