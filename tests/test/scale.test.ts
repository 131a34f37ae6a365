import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceProcess } from '@millrace/local-stack/service-process.ts'
import { inMidRun } from '../src/mid-run.ts'
import { assertWholeTable, createVisitsSync } from '../src/runs-of-visits.ts'
import { withStack } from '../src/with-stack.ts'

const world = withStack()

test('a loader and a transformer that join in the middle of a run take partitions over, and every row is loaded once', async () => {
  const { stack, pipeline } = world
  const sync = await createVisitsSync(world, 'joined', { rows: 600_000, identical: 20 })
  const { id: runId } = await pipeline.startRun(sync.project, sync.syncId)

  await inMidRun(stack, { runId, rows: sync.table.rows }, () =>
    Promise.all([stack.addService('loader'), stack.addService('transformer')]),
  )
  await assertWholeTable(world, sync, runId)

  for (const name of ['loader', 'transformer'] as const) {
    const shares = await Promise.all([recordsIn(stack.service(name, 0)), recordsIn(stack.service(name, 1))])
    assert.ok(Math.min(...shares) > 0, `both ${name}s worked: ${shares.join(' and ')} records`)
  }
})

/** Records that a process took in, by its own count. */
async function recordsIn({ adminUrl }: ServiceProcess): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`)).text()
  const samples = text.matchAll(/^millrace_records_in_total(?:\{[^}]*\})? ([\d.e+]+)/gm)
  return [...samples].reduce((sum, [, value]) => sum + Number(value), 0)
}
