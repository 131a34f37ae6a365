import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createVisitsSync } from '../src/runs-of-visits.ts'
import { assertSameVisits } from '../src/same-visits.ts'
import { withStack } from '../src/with-stack.ts'
import { startWriters } from '../src/writers.ts'

// MILLRACE_FIRE_SECONDS=120 gives the long version.
const fireSeconds = Number(process.env.MILLRACE_FIRE_SECONDS ?? 25)
const betweenRunsMs = fireSeconds >= 60 ? 10_000 : 2_000
const writers = 8
/** Writers commit up to this long after the insert time of their rows. */
const lateMsMax = 5_000

const world = withStack({ partitions: 4 })

test(`${writers} writers insert for ${fireSeconds} s and commit late: after the last run the destination holds every row once`, async () => {
  const { pipeline, source } = world
  const sync = await createVisitsSync(world, 'under_fire', { rows: 1, overlapMs: lateMsMax + 5_000 })
  const fire = startWriters(source, sync.table.name, { writers, lateMsMax, seed: 7 })
  const ends = performance.now() + fireSeconds * 1000
  let runsUnderFire = 0
  let reported = 0
  while (performance.now() < ends) {
    await runOnce()
    runsUnderFire++
    await sleep(Math.min(betweenRunsMs, Math.max(0, ends - performance.now())))
  }
  const { rows, latestCommitMs } = await fire.stop()
  await runOnce()

  const same = await assertSameVisits({ source, ...sync, table: sync.table.name })
  assert.equal(same, rows + 1)
  assert.equal(reported, rows + 1, 'what the runs say they brought adds up, although each reads its overlap again')
  assert.ok(runsUnderFire >= 3, `${runsUnderFire} runs under fire`)
  assert.ok(latestCommitMs > lateMsMax * 0.8, `the latest commit came ${latestCommitMs} ms after its insert time`)

  async function runOnce(): Promise<void> {
    const { id } = await pipeline.startRun(sync.project, sync.syncId)
    const run = await pipeline.succeeded(sync.project, id, { timeoutMs: 60_000, everyMs: 100 })
    reported += run.counts.events
  }
})
