import { test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import type { ServiceProcess } from '@millrace/local-stack/service-process.ts'
import { inMidRun } from '../src/mid-run.ts'
import { assertWholeTable, createVisitsSync } from '../src/runs-of-visits.ts'
import { withStack } from '../src/with-stack.ts'

// Reading waits for loading, and each request of a loader takes a while: whoever joins finds work for all stages, on any machine. A chunk is
// let in only while little is on its way; within one, a fast machine could read to the end before it is told to wait.
const world = withStack({
  env: {
    extractor: { MILLRACE_IN_FLIGHT_BYTES: String(4 * 1024 * 1024), MILLRACE_CHUNK_ROWS: '20000' },
    loader: { MILLRACE_FAILPOINTS: 'loader.beforeRequest=delay:500' },
  },
})

test('a loader and a transformer that join in the middle of a run take partitions over, and every row is loaded once', async () => {
  const { stack, pipeline } = world
  const sync = await createVisitsSync(world, 'joined', { rows: 300_000, identical: 20 })
  const { id: runId } = await pipeline.startRun(sync.project, sync.syncId)

  await inMidRun(stack, { runId, rows: sync.table.rows }, async () => {
    const joined = await Promise.all([stack.addService('loader'), stack.addService('transformer')])
    for (const process of joined) {
      await until(async () => (await recordsIn(process)) > 0, { what: `a record for ${process.name}` })
    }
  })
  await assertWholeTable(world, sync, runId)
})

/** Records that a process took in, by its own count. */
async function recordsIn({ adminUrl }: ServiceProcess): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  const samples = text.matchAll(/^millrace_records_in_total(?:\{[^}]*\})? ([\d.e+]+)/gm)
  return [...samples].reduce((sum, [, value]) => sum + Number(value), 0)
}
