import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { until } from '@millrace/local-stack/servers/until.ts'
import { openPartition } from '@millrace/store/progress/open-partition.ts'
import { recordProgress } from '@millrace/store/progress/record-progress.ts'
import { getProject } from '@millrace/store/projects/get-project.ts'
import { updateProject } from '@millrace/store/projects/update-project.ts'
import { aBatch } from '@millrace/testkit/store-samples.ts'
import type { RunningLane } from '../src/start-lane.ts'
import { eventBody, World } from './fixtures/world.ts'

const lookup: Mapping = { tableType: 'lookup_table', lookupTableId: 'airports', id: 'code' }
const lookupSchema: RowSchema = {
  table: 'public.airports',
  columns: [
    { name: 'code', type: 'string', sourceType: 'text' },
    { name: 'city', type: 'string', sourceType: 'text' },
  ],
  key: ['code'],
}
const profiles: Mapping = { tableType: 'user_profiles', profileKind: 'standard', userId: 'id' }

/** Messages and owners that come later than they should. */
describe('a loader that is overtaken', () => {
  let world: World
  let loader: RunningLane

  before(async () => {
    world = await World.start(2)
    loader = await world.startLoader()
  })
  after(() => world?.close())

  test('by the last step of the owner before goes on from there at once, and counts nothing twice', async () => {
    const { sink, run } = await world.addSink()
    sink.script(({ n }) => (n === 0 ? { kind: 'delay', ms: 1500 } : undefined))
    const ids = await world.sendEvents(run, 50, 50)
    await until(() => sink.requests.length > 0)
    // What an owner does that was still waiting for its answers when the partition was given to this loader.
    const place = { topic: 'updates.live', partition: 0 }
    const { nextOffset } = await openPartition(world.store.db, { ...place, owner: 'before' })
    const count = aBatch({ runId: run.runId, chunk: 0, attempt: 1, seq: 0, rows: 50 })
    const step = { expectedOffset: nextOffset, nextOffset: (nextOffset ?? 0n) + 1n, counts: [count] }
    assert.equal(await recordProgress(world.store.db, { ...place, ...step, rejects: [], ends: [] }), true)

    ids.push(...(await world.sendEvents(run, 200, 50)))
    await world.end(run)
    await world.whole(run)
    assert.deepEqual(new Set(sink.state.insertIds), new Set(ids))
  })

  test('by other members of the group gathers a lookup table anew, and no row of it twice', async () => {
    const table = await world.addSink({ mapping: lookup, schema: lookupSchema })
    const events = await world.addSink()
    const lines = Array.from({ length: 30 }, (_, n) => `a${n},City`)
    const partition = world.lookupPartition(table.run)
    const gathered = async () => {
      const before = (await world.counts(events.run)).rows
      await world.send(events.run, partition, [eventBody(String(before).padStart(36, '0'), before)])
      await until(async () => (await world.counts(events.run)).rows > before)
    }
    await world.send(table.run, partition, lines)
    await gathered()
    const other = await world.startLoader()
    await until(() => other.isMember(), { timeoutMs: 60_000 })
    await gathered()
    await world.stopLoader(other)
    await gathered()
    await world.end(table.run)
    await world.whole(table.run)
    assert.equal(table.sink.state.lookupTables.get('airports'), ['code,city', ...lines, ''].join('\n'))
  })

  test('by a second run_end does not take a lookup table that it has replaced for an empty one', async () => {
    const { sink, run } = await world.addSink({ mapping: lookup, schema: lookupSchema })
    const lines = Array.from({ length: 30 }, (_, n) => `a${n},City`)
    await world.send(run, world.lookupPartition(run), lines)
    await world.end(run)
    await world.whole(run)
    const state = () =>
      world.store.db.selectFrom('runs').select('state').where('id', '=', run.runId).executeTakeFirstOrThrow()
    // An extractor that died between run_end and its record leaves the writing of it to another one.
    await world.end(run)
    const after = await world.addSink()
    await world.sendEvents(after.run, 10, 5)
    await world.end(after.run)
    await world.whole(after.run)
    assert.equal((await state()).state, 'reading')
    assert.equal(sink.state.lookupReplacements, 1)
    assert.equal(sink.state.lookupTables.get('airports'), ['code,city', ...lines, ''].join('\n'))
  })

  test('by an attempt that found no rows any more replaces the table without those of the attempt before', async () => {
    const { sink, run } = await world.addSink({ mapping: lookup, schema: lookupSchema })
    const partition = world.lookupPartition(run)
    await world.send(run, partition, ['a1,City'])
    const task = { run_id: run.runId, kind: 'read', index: partition, state: 'done', attempt: 2 } as const
    await world.store.db.insertInto('run_tasks').values(task).execute()
    await world.end({ ...run, rows: [0, 0], seqs: [0, 0] })
    await until(async () => (await world.counts(run)).ends === 2)
    assert.equal(sink.state.lookupTables.get('airports'), 'code,city\n')
    assert.equal((await world.counts(run)).rows, 0)
  })

  test('by batches of an attempt that was given up does not load their older rows over newer ones', async () => {
    const { sink, projectId } = await world.addSink()
    const run = await world.addRun(projectId, profiles)
    const body = (version: number) => [`{"$distinct_id":"u","$set":{"version":${version}}}`]
    await world.send({ ...run, attempt: 2 }, 0, body(2), ['u'])
    await world.send({ ...run, seqs: [0, 0] }, 0, body(1), ['u'])
    await world.end(run)
    await until(async () => (await world.counts(run)).ends === 2)
    assert.deepEqual([...sink.state.profiles.values()], [{ version: 2 }])
    assert.equal((await world.counts(run)).rows, 1)
  })

  test('by a change of the destination sends the next run to the new one', async () => {
    const { sink, projectId, run } = await world.addSink()
    await world.sendEvents(run, 20, 10)
    await world.end(run)
    await world.whole(run)
    const { sink: other } = await world.addSink()
    const project = await getProject(world.store.db, projectId)
    const destination = { ...project!.destination, baseUrl: other.url }
    await updateProject(world.store.db, { id: projectId, destination, secrets: [] })
    const next = await world.addRun(projectId)
    await world.end(next, 'run_open')
    await world.sendEvents(next, 20, 10)
    await world.end(next)
    await world.whole(next)
    assert.deepEqual([sink.state.events.size, other.state.events.size], [20, 20])
  })

  test('by a Kafka that was emptied or made anew goes on with what is there, although its place lies behind the end', async () => {
    await world.stopLoader(loader)
    const { db } = world.store
    await db.updateTable('partition_progress').set({ next_offset: '1000000', step: 0 }).execute()
    await world.startLoader()
    const { sink, run } = await world.addSink()
    const ids = await world.sendEvents(run, 200, 20)
    await world.end(run)
    await world.whole(run)
    assert.deepEqual(new Set(sink.state.insertIds), new Set(ids))
  })

  test('by something that answers 400 to everything asks for a person, and rejects nothing', async () => {
    const { sink, projectId, run } = await world.addSink()
    sink.script(() => ({ kind: 'status', status: 400, body: '<html>Bad Request</html>' }))
    const ids = await world.sendEvents(run, 400, 200, eventBody)
    await world.end(run)
    const project = () =>
      world.store.db.selectFrom('projects').select('attention').where('id', '=', projectId).executeTakeFirstOrThrow()
    await until(async () => (await project()).attention !== null, { timeoutMs: 60_000 })
    assert.equal((await project()).attention!.code, 'destination_refuses_everything')
    sink.script(() => undefined)
    await world.changeSecret(projectId, 'secret')
    await world.whole(run)
    assert.deepEqual(new Set(sink.state.insertIds), new Set(ids))
    assert.equal((await project()).attention, null)
  })
})
