import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { after, afterEach, before, describe, test } from 'node:test'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { until } from '@millrace/local-stack/servers/until.ts'
import type { TestRun } from './fixtures/test-runs.ts'
import { World } from './fixtures/world.ts'

const lookup: Mapping = { tableType: 'lookup_table', lookupTableId: 'airports', id: 'code' }
const lookupSchema: RowSchema = {
  table: 'public.airports',
  key: ['code'],
  columns: ['code', 'city'].map((name) => ({ name, type: 'string', sourceType: 'text' })),
}

/** kill -9 of the loader at each of its commit points; the store's counters and the destination stay exact. */
describe('a loader that dies', () => {
  let world: World
  let children: ChildProcess[] = []

  before(async () => {
    world = await World.start(2)
  })
  afterEach(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
    children = []
  })
  after(async () => {
    await world?.close()
  })

  function start(failpoints = ''): ChildProcess {
    const child = world.spawnLoader(failpoints)
    children.push(child)
    return child
  }

  /** Starts a loader that dies at a failpoint, and waits until it has. */
  async function dies(point: string, pass: number): Promise<void> {
    const child = start(`${point}=exit:${pass}`)
    let proof = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      proof += text
    })
    const [code] = await once(child, 'exit')
    assert.equal(code, 137, proof)
    assert.match(proof, new RegExp(`failpoint ${point}: exit`))
  }

  for (const [point, pass] of [
    ['loader.beforeRequest', 3],
    ['loader.afterRequest', 3],
    ['loader.afterAck', 4],
    ['loader.afterProgress', 2],
  ] as const) {
    test(`at ${point} sends some again and counts everything once`, async () => {
      const { sink, run } = await world.addSink()
      // Some is counted and some is on its way when the process dies.
      sink.script(() => ({ kind: 'delay', ms: 20 }))
      const ids = await world.sendEvents(run, 20_000, 500)
      await dies(point, pass)
      assert.equal((await world.counts(run)).ends, 0, 'the crash came too late')
      start()
      await world.end(run)
      await world.whole(run)
      assert.deepEqual(new Set(sink.state.insertIds), new Set(ids))
    })
  }

  test('while a second one joins and takes partitions over, both count everything once', async () => {
    const { sink, run } = await world.addSink()
    sink.script(() => ({ kind: 'delay', ms: 30 }))
    const first = start()
    const ids = await world.sendEvents(run, 30_000, 500)
    await until(() => sink.state.events.size > 2000)
    start()
    await until(() => sink.state.events.size > 10_000)
    first.kill('SIGKILL')
    await world.end(run)
    await world.whole(run)
    assert.deepEqual(new Set(sink.state.insertIds), new Set(ids))
  })

  async function sendTable(run: TestRun, rows: number): Promise<string[]> {
    const lines = Array.from({ length: rows }, (_, n) => `a${n},"City, ${n}"`)
    const partition = world.lookupPartition(run)
    for (let at = 0; at < rows; at += 100) await world.send(run, partition, lines.slice(at, at + 100))
    return lines
  }

  test('with a half gathered lookup table gathers it again, and replaces it once as a whole', async () => {
    const table = await world.addSink({ mapping: lookup, schema: lookupSchema })
    const events = await world.addSink()
    const lines = await sendTable(table.run, 1000)
    const ids = await world.sendEvents(events.run, 2000)
    const dying = start()
    // Events behind the open table are counted although the offset stays before it.
    await until(async () => (await world.counts(events.run)).rows === 2000, { timeoutMs: 60_000 })
    assert.equal((await world.counts(table.run)).rows, 0)
    dying.kill('SIGKILL')
    await once(dying, 'exit')
    const more = await world.sendEvents(events.run, 1000)
    start()
    await until(() => events.sink.state.events.size === 3000, { timeoutMs: 60_000 })
    assert.equal(table.sink.state.lookupReplacements, 0)
    await world.end(table.run)
    await world.end(events.run)
    await world.whole(table.run)
    await world.whole(events.run)
    assert.equal(table.sink.state.lookupTables.get('airports'), ['code,city', ...lines, ''].join('\n'))
    assert.equal(table.sink.state.lookupReplacements, 1)
    assert.deepEqual(new Set(events.sink.state.insertIds), new Set([...ids, ...more]))
    assert.equal(events.sink.state.copies, 0, 'what was counted was sent again')
  })

  test('between the replacement of a lookup table and its record replaces it again', async () => {
    const { sink, run } = await world.addSink({ mapping: lookup, schema: lookupSchema })
    const lines = await sendTable(run, 300)
    await world.end(run)
    await dies('loader.afterAck', 1)
    assert.equal(sink.state.lookupReplacements, 1)
    start()
    await world.whole(run)
    assert.equal(sink.state.lookupReplacements, 2)
    assert.equal(sink.state.lookupTables.get('airports'), ['code,city', ...lines, ''].join('\n'))
  })

  test('or not: an empty table replaces the one before it, and an incomplete one fails its run', async () => {
    start()
    const empty = await world.addSink({ mapping: lookup, schema: lookupSchema })
    await world.end(empty.run)
    await world.whole(empty.run)
    assert.equal(empty.sink.state.lookupTables.get('airports'), 'code,city\n')

    const short = await world.addSink({ mapping: lookup, schema: lookupSchema })
    await sendTable(short.run, 200)
    short.run.rows[world.lookupPartition(short.run)]! += 1
    await world.end(short.run)
    const run = () =>
      world.store.db
        .selectFrom('runs')
        .select(['state', 'error'])
        .where('id', '=', short.run.runId)
        .executeTakeFirstOrThrow()
    await until(async () => (await run()).state === 'failed', { timeoutMs: 60_000 })
    assert.equal((await run()).error?.code, 'records_lost')
    assert.equal(short.sink.state.lookupReplacements, 0)
  })
})
