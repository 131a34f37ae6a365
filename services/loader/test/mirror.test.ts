import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import { until } from '@millrace/local-stack/servers/until.ts'
import { mirrorMappings } from '@millrace/testkit/mirrored-rows.ts'
import { type ExpectedCounts, MirroredTable } from './fixtures/mirrored-table.ts'
import { RunningIngestion } from './fixtures/running-ingestion.ts'
import { endRun, resync, type TestRun } from './fixtures/test-runs.ts'
import { World } from './fixtures/world.ts'

/** Mirrored runs at the real destination: it is equal to the table after each, and the counters are exact. */
describe('a mirrored run', () => {
  let world: World
  let dir: string
  let ingestion: RunningIngestion
  const children: ChildProcess[] = []

  before(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'millrace-mirror-test-'))
    ;[world, ingestion] = await Promise.all([World.start(2), RunningIngestion.start(dir)])
  })
  afterEach(stopLoaders)
  after(async () => {
    await world?.close()
    await ingestion?.server.stop()
    await rm(dir, { recursive: true, force: true })
  })

  /** In order, so that the next one need not wait until Kafka misses them. */
  async function stopLoaders(): Promise<void> {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
  }

  /** A loader that sends small requests, so that a run has several. */
  function start(failpoints = ''): ChildProcess {
    const child = world.spawnLoader(failpoints, { MILLRACE_BATCH_RECORDS: '20' })
    children.push(child)
    return child
  }

  async function dies(point: string, pass: number): Promise<void> {
    const [code] = await once(start(`${point}=exit:${pass}`), 'exit')
    assert.equal(code, 137, `the loader passed ${point} fewer than ${pass} times`)
  }

  async function aTable(mapping: Mapping, seed: number): Promise<MirroredTable> {
    const projectId = await world.addProject(ingestion.url)
    await ingestion.putProject(projectId)
    return MirroredTable.make(world, mapping, projectId, seed)
  }

  async function shown({ projectId, mapping, syncId }: MirroredTable): Promise<string[]> {
    const isEvents = mapping.tableType === 'events'
    const [table, at, who] = isEvents ? ['events', 'time_ms', 'distinct_id'] : ['profile_history', 'start_ms', 'id']
    const where = isEvents ? `WHERE import_id = '${syncId}'` : ''
    const text = `concat_ws(' ', properties->>'$.id', ${at}, ${who}, properties->>'$.plan')`
    return (await ingestion.query(projectId, `SELECT ${text} FROM ${table} ${where}`))
      .map(([row]) => String(row))
      .sort()
  }

  /** The run's end is sent and reached in all partitions; then the destination shows the table, and the run counts `expected`. */
  async function ends(table: MirroredTable, run: TestRun, expected: ExpectedCounts): Promise<void> {
    await world.end(run)
    await until(async () => (await world.counts(run)).ends === world.partitions, { what: 'the end of the run' })
    assert.deepEqual(await shown(table), table.shown)
    assert.deepEqual(await countsOf(table, run), expected)
    assert.deepEqual(world.failures, [])
    await endRun(world.store.db, run, 'succeeded')
  }

  async function countsOf({ mapping }: MirroredTable, run: TestRun): Promise<ExpectedCounts> {
    const rows = await world.store.db.selectFrom('run_progress').selectAll().where('run_id', '=', run.runId).execute()
    const sum = (
      name: 'events' | 'updates' | 'deletes' | 'rejected' | 'filtered' | `${'user' | 'group'}_${'updates' | 'deletes'}`,
    ) => rows.reduce((total, row) => total + row[name], 0)
    const total = rows.reduce((all, row) => all + row.rows, 0)
    assert.equal(
      total,
      run.rows.reduce((all, count) => all + count, 0),
    )
    const more = { rejected: sum('rejected'), filtered: sum('filtered') }
    if (mapping.tableType === 'events')
      return { inserts: sum('events'), updates: sum('updates'), deletes: sum('deletes'), ...more }
    const kind = mapping.tableType === 'user_profiles' ? 'user' : 'group'
    // A row of history that is new is an update of the profile.
    return { inserts: 0, updates: sum(`${kind}_updates`), deletes: sum(`${kind}_deletes`), ...more }
  }

  function asCounted({ mapping }: MirroredTable, expected: ExpectedCounts): ExpectedCounts {
    if (mapping.tableType === 'events') return expected
    return { ...expected, inserts: 0, updates: expected.inserts + expected.updates }
  }

  for (const [seed, kind] of (['events', 'users', 'groups'] as const).entries()) {
    test(`of ${kind} makes the destination equal to the table, and counts each row once by what happened to it`, async () => {
      const table = await aTable(mirrorMappings[kind], seed + 1)
      start()
      for (const added of [120, 30, 30]) {
        table.evolve(added)
        const run = await table.startRun()
        const expected = await table.send(run)
        assert.ok(expected.rejected > 0)
        assert.ok(added === 120 || (expected.deletes > 0 && expected.updates > 0))
        await ends(table, run, asCounted(table, expected))
      }
    })
  }

  test('that is killed at any of its commit points has the same outcome', async () => {
    const table = await aTable(mirrorMappings.events, 7)
    for (const [point, pass] of [
      ['loader.beforeRequest', 2],
      ['loader.afterRequest', 3],
      ['loader.afterAck', 3],
      ['loader.afterProgress', 1],
    ] as const) {
      table.evolve(point === 'loader.beforeRequest' ? 150 : 60)
      const run = await table.startRun()
      const expected = await table.send(run)
      await dies(point, pass)
      assert.equal((await world.counts(run)).ends, 0, 'the crash came too late')
      start()
      await ends(table, run, expected)
      await stopLoaders()
    }
  })

  test('that begins anew has what older generations left removed first, also over a crash and a run that failed', async () => {
    const table = await aTable(mirrorMappings.events, 11)
    const other = await MirroredTable.make(world, mirrorMappings.users, table.projectId, 12)
    for (const each of [table, other]) each.evolve(60)
    start()
    for (const each of [table, other]) {
      const run = await each.startRun()
      await ends(each, run, asCounted(each, await each.send(run)))
    }
    await stopLoaders()

    const generations = async () => {
      const sql = `SELECT DISTINCT generation FROM mirrored_events WHERE import_id = '${table.syncId}'`
      return (await ingestion.query(table.projectId, sql)).map(([generation]) => Number(generation))
    }
    assert.deepEqual(await generations(), [1])
    await resync(world.store.db, table.syncId)
    table.forget()
    const failed = await table.startRun()
    await table.send(failed)
    await dies('loader.afterRemoval', 1)
    assert.ok(!(await generations()).includes(1))
    await endRun(world.store.db, failed, 'failed')
    table.forget()
    const gone = new Set(table.rows)
    table.evolve(20)
    assert.ok([...gone].some((row) => !table.rows.includes(row)))
    start()
    const run = await table.startRun()
    await ends(table, run, await table.send(run))
    assert.deepEqual(await generations(), [2])
    assert.deepEqual(await shown(other), other.shown, 'another import has lost rows')
  })

  test('that begins anew with an empty table leaves nothing of history and its hidden events', async () => {
    const table = await aTable(mirrorMappings.users, 13)
    start()
    table.evolve(30)
    const first = await table.startRun()
    await ends(table, first, asCounted(table, await table.send(first)))
    await resync(world.store.db, table.syncId)
    table.rows = []
    table.forget()
    const run = await table.startRun()
    await ends(table, run, await table.send(run))
    assert.deepEqual(await ingestion.query(table.projectId, 'SELECT count(*) FROM hidden_events'), [['0']])
  })

  test('that begins anew while its destination is down is parked, and removes before it sends when that is over', async () => {
    const { sink, projectId } = await world.addSink()
    const table = await MirroredTable.make(world, mirrorMappings.events, projectId, 17)
    await resync(world.store.db, table.syncId)
    const taken: string[] = []
    let isDown = true
    sink.script(({ method }) => {
      if (isDown) return { kind: 'status', status: 503 }
      taken.push(method)
      if (method === 'DELETE') return { kind: 'status', status: 202, body: '{}' }
      return { kind: 'status', status: 200, body: '{"code":200,"status":"OK"}' }
    })
    const loader = await world.startLoader({ MILLRACE_DOWN_AFTER_MS: '300' })
    table.evolve(40)
    const run = await table.startRun()
    const expected = await table.send(run)
    await world.end(run)
    const parked = () =>
      world.store.db.selectFrom('parkings').select('partition').where('project_id', '=', projectId).execute()
    await until(async () => (await parked()).length === world.partitions, { what: 'the parking' })
    isDown = false
    await until(async () => (await world.counts(run)).ends === world.partitions, { what: 'the end of the run' })
    assert.equal(taken[0], 'DELETE')
    assert.ok(taken.includes('POST'))
    assert.deepEqual(await countsOf(table, run), expected)
    assert.deepEqual(world.failures, [])
    await world.stopLoader(loader)
  })
})
