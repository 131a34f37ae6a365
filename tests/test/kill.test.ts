import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ServiceName, serviceNames } from '@millrace/local-stack/service-process.ts'
import { inMidRun } from '../src/mid-run.ts'
import { assertWholeTable, createVisitsSync } from '../src/runs-of-visits.ts'
import { quickToNotice } from '../src/start-test-stack.ts'
import { withStack } from '../src/with-stack.ts'

// kill -9 in the middle of a run, then a start: the counts stay exact.

const ROWS = 120_000
const IDENTICAL = 20

const world = withStack({ env: quickToNotice })

for (const victim of serviceNames) {
  test(`a run whose ${victim} is killed in its middle loads every row once`, async () => {
    await runWithKill(victim.replace('-', '_'), [victim])
  })
}

test('a run whose services are all killed at once in its middle loads every row once', async () => {
  await runWithKill('all_services', serviceNames)
})

async function runWithKill(name: string, victims: readonly ServiceName[]): Promise<void> {
  const { stack, pipeline } = world
  const sync = await createVisitsSync(world, `killed_${name}`, { rows: ROWS, identical: IDENTICAL })
  const { id: runId } = await pipeline.startRun(sync.project, sync.syncId)

  await inMidRun(stack, { runId, rows: sync.table.rows }, () =>
    Promise.all(victims.map((victim) => stack.service(victim).kill())),
  )
  await Promise.all(victims.map((victim) => stack.service(victim).start()))

  await assertWholeTable(world, sync, runId)
  for (const service of stack.services()) assert.equal(service.failures, 0, `${service.name} ended by itself`)
}
