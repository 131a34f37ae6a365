import assert from 'node:assert/strict'
import type { Server } from '@millrace/local-stack/servers/server-process.ts'
import { createVisitsSync, type VisitsSync } from '../runs-of-visits.ts'
import { assertSameVisits } from '../same-visits.ts'
import type { TestStack } from '../start-test-stack.ts'
import { addVisits } from '../visits.ts'
import { openLoadedRows } from './loaded-rows.ts'
import { type ChaosRun, chaosSchedule, strikeText } from './schedule.ts'
import { strikeRun } from './strike-run.ts'

const runMs = 240_000

/** All processes of a world that a campaign may strike, by name. */
export function victimsOf({ stack, source }: TestStack): ReadonlyMap<string, Server> {
  const { postgres, kafka, registry, redis } = stack.servers
  const servers = { store: postgres, kafka, registry, redis, warehouse: source.server }
  return new Map<string, Server>([
    ...stack.services().map((service): [string, Server] => [service.name, service]),
    ...Object.entries(servers),
  ])
}

/**
 * Append runs of one table under the strikes of a seed. After each run source and destination are compared both ways; rejects when anything
 * is missing, changed, there twice or of another origin, when a run does not succeed, or when its counts are not exact.
 */
export async function runCampaign(world: TestStack, seed: number, say: (line: string) => void): Promise<void> {
  const victims = victimsOf(world)
  const services = world.stack.services().map(({ name }) => name)
  const servers = [...victims.keys()].filter((name) => !services.includes(name))
  const schedule = chaosSchedule(seed, { services, servers })
  for (const [n, { rows, strikes }] of schedule.entries()) {
    say(`seed ${seed}, run ${n + 1}: ${rows} rows; ${strikes.map(strikeText).join('; ')}`)
  }
  const name = `chaos_${seed}`
  const sync = await createVisitsSync(world, name, { rows: schedule[0]!.rows, identical: 20 })
  const loaded = openLoadedRows(world.stack)
  try {
    let held = sync.table.rows
    for (const [n, run] of schedule.entries()) {
      if (n > 0) {
        await addVisits(world.source, name, { first: held + 1, rows: run.rows })
        held += run.rows
      }
      const added = n === 0 ? sync.table.rows : run.rows
      const { fallen, report } = await underFire(world, sync, { ...run, rows: added }, { victims, loaded, say })
      const same = await assertSameVisits({ ...world, ...sync, table: name })
      assert.equal(same, held - sync.table.identical)
      say(`  ${fallen} of ${run.strikes.length} strikes fell; ${report}`)
    }
  } finally {
    await loaded.close()
  }
}

type Arms = Pick<Parameters<typeof strikeRun>[0], 'victims' | 'loaded' | 'say'>

/** One run under its strikes. */
async function underFire({ pipeline }: TestStack, sync: VisitsSync, { rows, strikes }: ChaosRun, arms: Arms) {
  const { id: runId } = await pipeline.startRun(sync.project, sync.syncId)
  const ended = new AbortController()
  const striking = strikeRun({ runId, rows, strikes, ended: ended.signal, ...arms })
  const succeeded = pipeline
    .succeeded(sync.project, runId, { timeoutMs: runMs, everyMs: 100 })
    .finally(() => ended.abort())
  const [fallen, run] = await Promise.allSettled([striking, succeeded])
  if (run.status === 'rejected') throw run.reason
  if (fallen.status === 'rejected') throw fallen.reason
  const { counts, report } = run.value
  assert.equal(counts.read, rows, report)
  assert.equal(counts.rejected + counts.missing, 0, report)
  return { fallen: fallen.value, report }
}
