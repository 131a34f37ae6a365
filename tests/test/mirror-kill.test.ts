import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import type { ServiceProcess } from '@millrace/local-stack/service-process.ts'
import { createMirrorProject } from '../src/mirror/mirror-world.ts'
import { createMirroredTable, type MirroredTable } from '../src/mirror/mirrored-table.ts'
import type { EventsSync } from '../src/mirror/model-sync.ts'
import type { ModelColumn, ModelRow } from '../src/mirror/model-table.ts'
import type { MirrorWarehouseName } from '../src/mirror/open-mirror-warehouse.ts'
import { addExtractor } from '../src/mirror/start-mirror-stack.ts'
import { mirrorWarehouseNames, withMirrorStack } from '../src/mirror/with-mirror-stack.ts'

// kill -9 at each commit point of a mirror run: the same result, and one snapshot is left.

const world = withMirrorStack()

const columns: readonly ModelColumn[] = [
  { name: 'id', type: 'integer' },
  { name: 'happened_at', type: 'timestamp' },
  { name: 'who', type: 'string' },
  { name: 'note', type: 'string' },
]
const sync: EventsSync = { tableType: 'events', eventName: { value: 'Visit' }, time: 'happened_at', userId: 'who' }
const base = BigInt(Date.UTC(2024, 2, 1)) * 1000n
const rows: readonly ModelRow[] = Array.from({ length: 40 }, (_, n) => [
  BigInt(n),
  base + BigInt(n) * 1_000_000n,
  n % 10 === 9 ? null : `user ${n % 7}`,
  null,
])

/** Where the process ends by itself as if killed, and by which service. */
const points = [
  ['after the snapshot is taken and compared', 'extractor.afterWarehousePlan'],
  ['after the plan is stored', 'extractor.afterPlanStored'],
  ['after the last chunk is read', 'extractor.beforeRunEnd'],
  ['after the end of the run is published', 'extractor.afterRunEnd'],
  ['before the last snapshot is dropped', 'extractor.beforeClean'],
  ['after the last snapshot is dropped', 'extractor.afterClean'],
] as const

/** A minute each: Postgres, whose plan makes nothing in the warehouse, is killed with MILLRACE_EVERY_KILL=1 only. */
const killed = mirrorWarehouseNames.filter((name) => name !== 'postgres' || process.env.MILLRACE_EVERY_KILL === '1')

describe('kill -9 of extractors', { concurrency: killed.length }, () => {
  for (const name of killed) {
    describe(`a mirror run of ${name} that is killed`, { concurrency: 1 }, () => {
      for (const [n, [when, point]] of points.entries()) {
        test(`${when} ends the same`, async () => {
          const mirrored = await begun(name, `killed_${n}`)
          const extractor = await extractorWith(name, `${point}=exit:1`)
          await changeAndRun(mirrored)
          await until(() => extractor.failures === 1, { what: `the death at ${point}` })
          await afterwards(name, mirrored)
        })
      }

      test('in the middle of the comparison ends the same', async () => {
        const mirrored = await begun(name, 'killed_comparing')
        const extractor = extractorOf(name)
        const held = world(name).warehouse.holdComparison()
        const run = changeAndRun(mirrored)
        await held.reached
        await extractor.kill()
        held.release()
        await extractor.start()
        await run
        await afterwards(name, mirrored)
      })
    })
  }
})

// After the others: there is one scheduler for all.
for (const name of killed) {
  test(`a mirror run of ${name} that is killed before its cursor is stored ends the same`, async () => {
    const mirrored = await begun(name, 'killed_completing')
    const { stack } = world(name)
    await stack.service('scheduler').stop()
    const scheduler = await stack.addService('scheduler', {
      firstLifeEnv: { MILLRACE_FAILPOINTS: 'scheduler.beforeComplete=exit:1' },
    })
    await changeAndRun(mirrored)
    await until(() => scheduler.failures === 1, { what: 'the death of the scheduler' })
    await afterwards(name, mirrored)
    await scheduler.stop()
    await stack.service('scheduler').start()
  })
}

/** A table whose first run has succeeded, and nothing stands in the staging place but its snapshot. */
async function begun(name: MirrorWarehouseName, table: string): Promise<MirroredTable> {
  const project = await createMirrorProject(world(name), table)
  const mirrored = await createMirroredTable(project, { name: table, columns, key: ['id'], rows: [] }, sync)
  await mirrored.apply([{ kind: 'insert', rows }])
  await mirrored.assertRun(await mirrored.startRun())
  await oneSnapshotLeft(name)
  return mirrored
}

async function changeAndRun(mirrored: MirroredTable): Promise<void> {
  await mirrored.apply([
    { kind: 'delete', row: rows[0]!, all: true },
    { kind: 'delete', row: rows[9]!, all: true },
    { kind: 'update', row: rows[1]!, to: rows[1]!.with(3, 'changed'), all: true },
    { kind: 'update', row: rows[2]!, to: rows[2]!.with(1, base - 1n), all: true },
    { kind: 'insert', rows: [[100n, base, 'new', null]] },
  ])
  const { changes } = await mirrored.assertRun(await mirrored.startRun())
  assert.deepEqual([changes?.inserts, changes?.updates, changes?.deletes], [1, 2, 2])
}

/** The run after finds what the killed one left: nothing has changed, and then one thing has. */
async function afterwards(name: MirrorWarehouseName, mirrored: MirroredTable): Promise<void> {
  await oneSnapshotLeft(name)
  await mirrored.apply([{ kind: 'delete', row: rows[3]!, all: true }])
  await mirrored.assertRun(await mirrored.startRun())
  await oneSnapshotLeft(name)
  await mirrored.drop()
  await until(async () => (await world(name).warehouse.staged()).length === 0, {
    what: 'the removal of all snapshots',
  })
}

async function oneSnapshotLeft(name: MirrorWarehouseName): Promise<void> {
  await until(async () => (await world(name).warehouse.staged()).length === 1, {
    what: 'one snapshot and nothing else',
  })
}

/** The extractor of each warehouse; the stack has begun with one for each, in their order. */
const extractors = new Map<MirrorWarehouseName, ServiceProcess>()

function extractorOf(name: MirrorWarehouseName): ServiceProcess {
  return extractors.get(name) ?? world(name).stack.service('extractor', mirrorWarehouseNames.indexOf(name))
}

/** Another extractor in place of the one that runs, whose first life has the failpoints. */
async function extractorWith(name: MirrorWarehouseName, failpoints: string): Promise<ServiceProcess> {
  const { stack, warehouse } = world(name)
  await extractorOf(name).stop()
  const extractor = await addExtractor(stack, warehouse, failpoints)
  extractors.set(name, extractor)
  return extractor
}
