import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createProducer } from '@millrace/kafka/kafkajs-client.ts'
import { ensureTopics } from '@millrace/kafka/topics.ts'
import { until } from '@millrace/local-stack/servers/until.ts'
import { createRegistry } from '@millrace/registry/registry.ts'
import { succeedRun } from '@millrace/store/completion/succeed-run.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { endRun } from '@millrace/store/runs/end-run.ts'
import { runContext } from '@millrace/store/runs/run-context.ts'
import { decideSync } from '@millrace/store/syncs/decide-sync.ts'
import { deleteSync } from '@millrace/store/syncs/delete-sync.ts'
import { resyncSync } from '@millrace/store/syncs/resync-sync.ts'
import { addCleanTask } from '@millrace/store/tasks/add-clean-task.ts'
import { createLogger } from '@millrace/telemetry/logger.ts'
import { startMetrics } from '@millrace/telemetry/metrics.ts'
import { startTracing } from '@millrace/telemetry/tracing.ts'
import { WarehouseError } from '@millrace/warehouses/warehouse-error.ts'
import type { ExtractorContext } from '../src/extractor-context.ts'
import { PinHolder } from '../src/pin-holder.ts'
import { publishLimits } from '../src/publish-limits.ts'
import { runTaskLoop } from '../src/task-loop.ts'
import { ChangesSeen, type SeenChange } from './changes-seen.ts'
import { encode, ScriptedMirror, type Visit } from './scripted-mirror.ts'
import { partitions, startWorld, type World } from './world.ts'

type Columns = Parameters<typeof encode>[1]
const image: Columns = [
  { name: 'at', type: 'timestamp' },
  { name: 'visitor', type: 'string' },
]
const row: Columns = [{ name: 'id', type: 'integer' }, ...image]
const retypedRow: Columns = [{ name: 'id', type: 'string' }, ...image]
const hexOf = (visit: Visit, of: Columns) => encode(visit, of).toString('hex')
const inserted = (now: Visit): SeenChange => ({ op: 'insert', row: hexOf(now, row), before: null })
const updated = (old: Visit, now: Visit, columns = row): SeenChange => ({
  op: 'update',
  row: hexOf(now, columns),
  before: hexOf(old, image),
})
const deleted = (old: Visit): SeenChange => ({ op: 'delete', row: null, before: hexOf(old, image) })
const visit = (id: number, visitor = `visitor ${id}`): Visit => ({ id, atMs: 1_767_225_600_000 + id, visitor })
const ten = Array.from({ length: 10 }, (_, n) => visit(n))

describe('a mirrored table, with real Postgres, Kafka and registry', () => {
  let world: World
  let seen: ChangesSeen
  let mirror: ScriptedMirror
  let end: () => Promise<void>

  before(async () => {
    world = await startWorld()
    end = await startLoop()
    seen = new ChangesSeen(world.brokers, createRegistry({ url: world.registryUrl }))
  })
  after(async () => {
    await end?.()
    await seen?.close()
    await world?.close()
  })

  /** An extractor's loop in this process, whose warehouse is `mirror`. Gives what ends it. */
  async function startLoop(): Promise<() => Promise<void>> {
    const log = createLogger({ service: 'test', instance: 'mirror', level: 'silent' })
    const connection = { brokers: [world.brokers], clientId: 'mirror', logger: log }
    await ensureTopics({ ...connection, partitions, warehouses: ['postgres'], lanes: ['live'] })
    const metrics = startMetrics({ service: 'extractor', instance: 'mirror' })
    const tracing = startTracing({ service: 'extractor', instance: 'mirror' })
    const producer = createProducer(connection)
    const context: ExtractorContext = {
      db: world.db,
      producer,
      registry: createRegistry({ url: world.registryUrl }),
      pins: new PinHolder(),
      instruments: metrics.instruments,
      tracing,
      activity: { tasks: 0 },
      owner: 'mirror',
      partitions,
      limits: publishLimits({ batchRowsMax: 100, batchBytesMax: 100_000, rowBytesMax: 100_000 }),
      chunkRows: 1000,
      warehouseOf: async () => mirror.open(),
    }
    const leasing = { leaseMs: 4000, renewEveryMs: 50, inFlightBytesMax: 1 << 24, pollMs: 20 }
    const stop = new AbortController()
    const loop = runTaskLoop(context, { ...leasing, warehouse: 'postgres', lanes: ['live'] }, log, stop.signal)
    return async () => {
      stop.abort()
      await loop
      await Promise.all([producer.close(), metrics.close(), tracing.close()])
    }
  }

  async function reaches(runId: string, state: string): Promise<void> {
    await until(async () => (await runContext(world.db, runId))?.state === state, { timeoutMs: 30_000, what: state })
  }

  const syncOf = (syncId: string) =>
    world.db.selectFrom('syncs').selectAll().where('id', '=', syncId).executeTakeFirstOrThrow()

  /** Waits until the run's `clean` task is done. */
  async function cleaned(runId: string): Promise<void> {
    const look = world.db.selectFrom('runs').select('cleaned_at').where('id', '=', runId)
    await until(async () => (await look.executeTakeFirstOrThrow()).cleaned_at !== null, { timeoutMs: 30_000 })
  }

  /** What the scheduler does when everything of a run is loaded. Gives what stands in the topic of it. */
  async function succeeds(runId: string): Promise<SeenChange[]> {
    await reaches(runId, 'draining')
    await until(() => seen.markersOf(runId, 'run_end').length >= partitions, { timeoutMs: 30_000 })
    assert.ok(await succeedRun(world.db, { runId }))
    await addCleanTask(world.db, { runId })
    await cleaned(runId)
    return seen.batchesOf(runId).flatMap(({ changes }) => changes)
  }

  async function fails(runId: string): Promise<void> {
    await reaches(runId, 'failed')
    await addCleanTask(world.db, { runId })
    await cleaned(runId)
    assert.deepEqual(seen.batchesOf(runId), [])
  }

  /** A sync whose first run, with ten rows, has succeeded. */
  async function aMirroredTable() {
    mirror = new ScriptedMirror()
    mirror.put(...ten)
    const runId = await world.startRun('visits', 'mirror')
    const { syncId, projectId } = (await runContext(world.db, runId))!
    assert.deepEqual(sorted(await succeeds(runId)), sorted(ten.map(inserted)))
    return { syncId, projectId, runId }
  }

  const nextRun = async (syncId: string) => (await createRun(world.db, { syncId, trigger: 'api' })).runId
  const kept = () => [...mirror.snapshots.keys()]

  test('changes reach Kafka with what they do and what the row was, and one snapshot is kept', async () => {
    const { syncId, runId } = await aMirroredTable()
    assert.deepEqual(kept(), [runId])
    mirror.put(visit(3, 'somebody else'), visit(20))
    mirror.table.delete(7)
    const next = await nextRun(syncId)
    const expected = [updated(visit(3), visit(3, 'somebody else')), inserted(visit(20)), deleted(visit(7))]
    assert.deepEqual(sorted(await succeeds(next)), sorted(expected))
    assert.deepEqual(kept(), [next])
    assert.deepEqual([...mirror.asides.keys()], [])
    const unchanged = await nextRun(syncId)
    assert.deepEqual(await succeeds(unchanged), [])
    assert.deepEqual(kept(), [unchanged])
  })

  /** Ends a run after all of it was published, as when what is in the queue was lost or a person has cancelled it. */
  async function endsOnTheWay(runId: string, to: 'failed' | 'cancelled'): Promise<void> {
    await reaches(runId, 'draining')
    const error = { code: 'records_lost', message: 'Lost.', hint: 'Run again.' }
    assert.ok(await endRun(world.db, { runId, from: ['draining'], to, ...(to === 'failed' ? { error } : {}) }))
    await addCleanTask(world.db, { runId })
    await cleaned(runId)
  }

  test('what runs that failed or were cancelled may have loaded is sent again by the next run, and then compared with the table', async () => {
    const { syncId } = await aMirroredTable()
    mirror.put(visit(3, 'somebody else'), visit(20))
    mirror.table.delete(7)
    const failed = await nextRun(syncId)
    await endsOnTheWay(failed, 'failed')
    // All of it is changed back before the next run: the table is again what it was when a run succeeded last.
    mirror.put(visit(3), visit(7))
    mirror.table.delete(20)
    const cancelled = await nextRun(syncId)
    await endsOnTheWay(cancelled, 'cancelled')
    const next = await nextRun(syncId)
    const again = [updated(visit(3), visit(3, 'somebody else')), inserted(visit(20)), deleted(visit(7))]
    assert.deepEqual(sorted(await succeeds(next)), sorted(again))
    const runs = await world.db
      .selectFrom('runs')
      .select(['id', 'takes_up'])
      .where('sync_id', '=', syncId)
      .orderBy('run_seq')
      .execute()
    assert.deepEqual(
      runs.slice(1).map((run) => run.takes_up),
      [null, failed, failed, null],
    )
    const followed = runs.at(-1)!.id
    const back = [updated(visit(3, 'somebody else'), visit(3)), deleted(visit(20)), inserted(visit(7))]
    assert.deepEqual(sorted(await succeeds(followed)), sorted(back))
    await cleaned(failed)
    assert.deepEqual([kept(), [...mirror.asides.keys()]], [[followed], []])
  })

  test('after a resync nothing of a run that ended on the way is taken up, or left in the warehouse', async () => {
    const { syncId, projectId } = await aMirroredTable()
    mirror.put(visit(20))
    const failed = await nextRun(syncId)
    await endsOnTheWay(failed, 'failed')
    assert.ok(await resyncSync(world.db, { projectId, syncId }))
    await cleaned(failed)
    const next = await nextRun(syncId)
    assert.deepEqual(sorted(await succeeds(next)), sorted([...ten, visit(20)].map(inserted)))
    assert.deepEqual([kept(), [...mirror.asides.keys()]], [[next], []])
  })

  test('a run that would delete too much sends nothing, asks, and goes through once it is confirmed', async () => {
    const { syncId, projectId, runId } = await aMirroredTable()
    for (const id of [0, 1, 2]) mirror.table.delete(id)
    const stopped = await nextRun(syncId)
    await fails(stopped)
    const { state, state_reason } = await syncOf(syncId)
    assert.deepEqual([state, state_reason?.code], ['needs_attention', 'needs_confirmation'])
    assert.deepEqual(state_reason?.details, { deletes: 3, knownRows: 10, percent: 30 })
    // Its plan was not stored, but what it made is found by its id; what the last good run kept is still there.
    assert.equal(mirror.leavings.at(-1)?.plan, null)
    assert.deepEqual([kept(), [...mirror.asides.keys()]], [[runId], []])
    assert.deepEqual(seen.markersOf(stopped, 'run_open'), [])
    assert.equal(await decideSync(world.db, { projectId, syncId, choice: 'confirm_deletes' }), 'decided')
    const confirmed = await nextRun(syncId)
    assert.deepEqual(sorted(await succeeds(confirmed)), sorted([0, 1, 2].map((id) => deleted(visit(id)))))
    assert.deepEqual(kept(), [confirmed])
    // The answer was for that run: the next one asks again.
    for (const id of [3, 4, 5]) mirror.table.delete(id)
    await fails(await nextRun(syncId))
  })

  test('a changed schema stops the sync until a person continues with exactly that schema', async () => {
    const { syncId, projectId } = await aMirroredTable()
    const details = { difference: { retyped: ['id'] }, schemaFingerprint: 'two', mayContinue: true }
    mirror.planFailure = new WarehouseError('schema_changed', 'The id is text now.', 'Look.', { details })
    mirror.isRetyped = true
    await fails(await nextRun(syncId))
    const { state, state_reason } = await syncOf(syncId)
    assert.deepEqual([state, state_reason?.code, state_reason?.details], ['needs_attention', 'schema_changed', details])
    assert.equal(await decideSync(world.db, { projectId, syncId, choice: 'continue' }), 'decided')
    mirror.put(visit(3, 'somebody else'))
    const next = await nextRun(syncId)
    assert.deepEqual(await succeeds(next), [updated(visit(3), visit(3, 'somebody else'), retypedRow)])
    assert.equal(mirror.acceptedSchema, 'two')
    assert.deepEqual(kept(), [next])
    // No person is needed any more, nor is the schema of the runs before.
    mirror.put(visit(4, 'another one'))
    const last = await nextRun(syncId)
    assert.deepEqual(await succeeds(last), [updated(visit(4), visit(4, 'another one'), retypedRow)])
    assert.equal(mirror.acceptedSchema, null)
  })

  test('a dropped column of the mapping is shown as a change of the schema, and as one of the mapping once that is accepted', async () => {
    const { syncId, projectId } = await aMirroredTable()
    mirror.droppedColumn = 'visitor'
    const details = { difference: { dropped: ['visitor'] }, schemaFingerprint: 'two', mayContinue: true }
    mirror.planFailure = new WarehouseError('schema_changed', 'Dropped.', 'Look.', { details })
    await fails(await nextRun(syncId))
    assert.equal((await syncOf(syncId)).state_reason?.code, 'schema_changed')
    await decideSync(world.db, { projectId, syncId, choice: 'continue' })
    const next = await nextRun(syncId)
    await fails(next)
    const { error } = await world.db.selectFrom('runs').select('error').where('id', '=', next).executeTakeFirstOrThrow()
    assert.equal(error?.code, 'mapping_invalid')
  })

  test('a snapshot that is gone never deletes anything: the sync asks for a resync, which begins anew', async () => {
    const { syncId, projectId, runId } = await aMirroredTable()
    const snapshot = mirror.snapshots.get(runId)!
    mirror.snapshots.delete(runId)
    await fails(await nextRun(syncId))
    assert.equal((await syncOf(syncId)).state_reason?.code, 'resync_required')
    mirror.snapshots.set(runId, snapshot)
    assert.ok(await resyncSync(world.db, { projectId, syncId }))
    await cleaned(runId)
    assert.deepEqual(kept(), [], 'nothing begins from the old snapshot any more')
    const next = await nextRun(syncId)
    assert.deepEqual(sorted(await succeeds(next)), sorted(ten.map(inserted)))
    const generations = new Set(seen.batchesOf(next).map(({ header }) => header.generation))
    assert.deepEqual([...generations], [2])
    assert.deepEqual(kept(), [next])
  })

  test('nothing is left in the warehouse when the sync is deleted, however long the cleaning takes', async () => {
    const { syncId, projectId, runId } = await aMirroredTable()
    mirror.cleanMs = 500
    assert.ok(await deleteSync(world.db, { projectId, syncId }))
    await cleaned(runId)
    assert.deepEqual(kept(), [])
    assert.equal(mirror.leavings.length, 2, 'the lease was lost while cleaning')
  })
})

/** Changes of several chunks and partitions come in any order. */
function sorted(changes: readonly SeenChange[]): SeenChange[] {
  return changes.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}
