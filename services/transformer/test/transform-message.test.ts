import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeMarker } from '@millrace/domain/wire/marker.ts'
import { readUpdateBatch } from '@millrace/domain/wire/update-batch.ts'
import { unframe } from '@millrace/registry/frame.ts'
import { createRunTransforms, type TransformRun } from '../src/run-transforms.ts'
import { createMessageTransformer, isUndecodable } from '../src/transform-message.ts'
import { WireSchemas } from '../src/wire-schemas.ts'
import {
  changeBatch,
  inMessage,
  MemoryRegistry,
  makeRun,
  marker,
  movedVisit,
  nowMs,
  registerMirror,
  registerSamples,
} from './sample.ts'

async function setUp(runs: readonly TransformRun[]) {
  const registry = new MemoryRegistry()
  const samples = await registerSamples(registry)
  const schemas = new WireSchemas(registry)
  const clock = { ms: 0 }
  const lookUps: string[] = []
  const byId = new Map(runs.map((run) => [run.runId, run]))
  const transform = createMessageTransformer({
    schemas,
    runs: createRunTransforms(
      async (runId) => {
        lookUps.push(runId)
        return byId.get(runId) ?? null
      },
      () => clock.ms,
    ),
    ids: await schemas.updatesIds('updates.live'),
    patiently: (_what, work) => work(),
  })
  return { registry, samples, transform, lookUps, clock, byId }
}

test('a change batch becomes one update batch with the same header, every row an update or a reject', async () => {
  const run = makeRun()
  const { samples, transform } = await setUp([run])
  const result = await transform(inMessage(0, changeBatch(samples.changes, run, 3, 10, 2)))
  assert.equal(result.kind, 'batch')
  if (result.kind !== 'batch') return
  const updates = readUpdateBatch(unframe(result.value).payload)
  assert.deepEqual(updates.header, result.header)
  assert.equal(updates.header.seq, 3)
  assert.equal(updates.header.rows, 10)
  assert.equal(updates.tableType, 'events')
  assert.equal(result.updates, 8)
  assert.equal(result.rejects, 2)
  assert.deepEqual(
    updates.rejects.map(({ ordinal }) => ordinal),
    [0, 1],
  )
  const visitors: string[] = []
  while (updates.next()) {
    const event = JSON.parse(updates.body().toString())
    assert.equal(event.event, 'Visit')
    assert.equal(event.properties.$warehouse_import_id, 'import-1')
    visitors.push(event.properties.distinct_id)
  }
  assert.deepEqual(
    visitors,
    [2, 3, 4, 5, 6, 7, 8, 9].map((n) => `user-3-${n}`),
  )
})

test('a row that moved is taken from its old place, read with the columns that its writer named', async () => {
  const run = makeRun()
  const { registry, transform } = await setUp([run])
  const result = await transform(inMessage(0, movedVisit(await registerMirror(registry), run, nowMs - 5000, nowMs)))
  assert.equal(result.kind, 'batch')
  if (result.kind !== 'batch') return
  assert.equal(result.updates, 1)
  const updates = readUpdateBatch(unframe(result.value).payload)
  const seen: unknown[] = []
  while (updates.next()) seen.push([updates.op, JSON.parse(updates.body().toString()).properties.time])
  assert.deepEqual(seen, [
    ['retract', nowMs - 5000],
    ['update', nowMs],
  ])
})

test('a repetition gives the same bytes, whatever the clock of the machine says', async () => {
  const run = makeRun()
  const { samples, transform } = await setUp([run])
  const message = inMessage(0, changeBatch(samples.changes, run, 0, 50, 5))
  const first = await transform(message)
  const second = await transform(message)
  assert.deepEqual(first, second)
  // "More than an hour ahead" is judged by the broker's time of the message: a day later the same rows are good.
  const later = await transform({ ...message, timestampMs: nowMs + 86_400_000 })
  assert.equal(later.kind === 'batch' && later.rejects, 0)
})

test('a marker is forwarded as it is', async () => {
  const run = makeRun()
  const { samples, transform, lookUps } = await setUp([run])
  const result = await transform(inMessage(0, marker(samples.marker, run, 'run_end')))
  assert.equal(result.kind, 'marker')
  const forwarded = decodeMarker(unframe((result as { value: Buffer }).value).payload)
  assert.equal(forwarded.kind, 'run_end')
  assert.equal(forwarded.runId, run.runId)
  assert.equal(forwarded.batches, 2)
  assert.deepEqual(lookUps, [])
})

test('a run is looked up once for many batches, and again after a while to see whether it was cancelled', async () => {
  const run = makeRun()
  const { samples, transform, lookUps, clock, byId } = await setUp([run])
  for (let seq = 0; seq < 5; seq++) {
    assert.equal((await transform(inMessage(seq, changeBatch(samples.changes, run, seq, 2)))).kind, 'batch')
  }
  assert.equal(lookUps.length, 1)
  byId.set(run.runId, { ...run, state: 'cancelled' })
  clock.ms += 11_000
  assert.equal((await transform(inMessage(5, changeBatch(samples.changes, run, 5, 2)))).kind, 'dropped')
  assert.equal(lookUps.length, 2)
})

test('batches of runs that nobody counts any more are dropped', async () => {
  const failed = makeRun('failed')
  const { samples, transform } = await setUp([failed])
  const ended = await transform(inMessage(0, changeBatch(samples.changes, failed, 0, 2)))
  assert.equal(ended.kind === 'dropped' && ended.reason, 'run_ended')
  const unknown = await transform(inMessage(0, changeBatch(samples.changes, makeRun(), 0, 2)))
  assert.equal(unknown.kind === 'dropped' && unknown.reason, 'run_unknown')
})

test('what can never be read is told apart from what only waits', async () => {
  const run = makeRun()
  const misfit = { ...makeRun(), mapping: { ...run.mapping, time: 'gone' } } as TransformRun
  const { samples, transform, registry } = await setUp([run, misfit])
  const good = changeBatch(samples.changes, run, 0, 5)
  const poison: [string, Buffer][] = [
    ['not framed', Buffer.from('hello')],
    ['empty', Buffer.alloc(0)],
    ['unknown schema id', changeBatch(999, run, 0, 2)],
    ['cut off', good.subarray(0, good.length - 20)],
    ['a mapping that does not fit', changeBatch(samples.changes, misfit, 0, 2)],
  ]
  for (const [what, value] of poison) {
    await assert.rejects(transform(inMessage(0, value)), (error) => isUndecodable(error), what)
  }
  const after = await transform(inMessage(0, good))
  assert.equal(after.kind === 'batch' && after.updates, 5, 'a bad batch left something behind')

  const unseen = await registry.register('changes.postgres.live', { type: 'record', name: 'New', fields: [] })
  registry.down = true
  await assert.rejects(transform(inMessage(0, changeBatch(unseen, run, 0, 1))), (error) => !isUndecodable(error))
  assert.equal((await transform(inMessage(0, good))).kind, 'batch', 'known schemas work while the registry is down')
})
