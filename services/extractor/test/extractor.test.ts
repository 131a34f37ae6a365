import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import { createRegistry } from '@millrace/registry/registry.ts'
import { runContext } from '@millrace/store/runs/run-context.ts'
import { partitionManifest } from '@millrace/store/tasks/manifest.ts'
import { ChangesSeen, type SeenBatch } from './changes-seen.ts'
import { partitions, startWorld, type World } from './world.ts'

const rows = 20_000

describe('an extractor with real Postgres, Kafka and registry', () => {
  let world: World
  let seen: ChangesSeen

  before(async () => {
    world = await startWorld()
    await world.sql(`create table visits as
      select n as id, timestamptz '2026-01-01' + n * interval '1 second' as at, 'visitor ' || n % 97 as visitor,
        repeat('x', 300) as note from generate_series(1, ${rows}) n`)
    await world.sql('alter table visits add primary key (id)')
    await world.sql('analyze visits')
  })
  after(async () => {
    await seen?.close()
    await world?.close()
  })

  function look(): ChangesSeen {
    seen ??= new ChangesSeen(world.brokers, createRegistry({ url: world.registryUrl }))
    return seen
  }

  async function stateOf(runId: string): Promise<string | undefined> {
    return (await runContext(world.db, runId))?.state
  }

  async function readToTheEnd(runId: string): Promise<void> {
    await until(async () => (await stateOf(runId)) === 'draining', { timeoutMs: 60_000, what: 'the end of reading' })
    await until(() => look().markersOf(runId, 'run_end').length >= partitions, { timeoutMs: 60_000, what: 'run_end' })
  }

  /** What counts: per chunk the last attempt, per partition its numbers without gaps, together the manifest and all rows. */
  async function assertManifestHolds(runId: string): Promise<void> {
    const batches = look().batchesOf(runId)
    const attempts = new Map<number, number>()
    for (const { header } of batches)
      attempts.set(header.chunk, Math.max(attempts.get(header.chunk) ?? 0, header.attempt))
    const counting = firstCopies(batches.filter(({ header }) => attempts.get(header.chunk) === header.attempt))
    const manifest = await partitionManifest(world.db, runId)
    const ids = new Set<string>()
    for (let partition = 0; partition < partitions; partition++) {
      const own = counting.filter((batch) => batch.partition === partition)
      assert.equal(
        own.reduce((sum, { header }) => sum + header.rows, 0),
        manifest.rows[partition],
      )
      assert.equal(own.length, manifest.batches[partition])
      for (const chunk of attempts.keys()) {
        const seqs = own.filter(({ header }) => header.chunk === chunk).map(({ header }) => header.seq)
        assert.deepEqual(seqs, [...seqs.keys()], `chunk ${chunk} in partition ${partition}`)
      }
      for (const { rowIds } of own) for (const id of rowIds) ids.add(id)
      const [end] = look()
        .markersOf(runId, 'run_end')
        .filter((marker) => marker.partition === partition)
      assert.equal(end?.marker.rows, manifest.rows[partition])
      assert.equal(end?.marker.batches, manifest.batches[partition])
      const [open] = look()
        .markersOf(runId, 'run_open')
        .filter((marker) => marker.partition === partition)
      assert.equal(open?.batchesBefore, 0, 'run_open stands before every batch')
    }
    assert.equal(ids.size, rows)
  }

  test('a run is published between its markers, and the manifest says exactly what stands there', async () => {
    const extractor = await world.startExtractor('plain')
    const runId = await world.startRun('visits')
    await readToTheEnd(runId)
    await assertManifestHolds(runId)
    assert.equal(
      look()
        .batchesOf(runId)
        .flatMap(({ rowIds }) => rowIds).length,
      rows,
      'without a fault, no row is read twice',
    )
    assert.match(look().batchesOf(runId)[0]!.header.traceparent, new RegExp(`^00-${runId.replaceAll('-', '')}-`))
    await extractor.stop()
    assert.deepEqual(await extractor.exited, { code: 0, signal: null })
  })

  test('an extractor that dies before its chunk is stored is replaced, and the manifest holds', async () => {
    const dying = await world.startExtractor('dying', { MILLRACE_FAILPOINTS: 'extractor.beforeChunkStored=exit:3' })
    const runId = await world.startRun('visits')
    assert.equal((await dying.exited).code, 137)
    assert.match(readFileSync(dying.logFile, 'utf8'), /failpoint extractor\.beforeChunkStored: exit/)
    assert.equal(await stateOf(runId), 'reading')
    const heir = await world.startExtractor('heir')
    await readToTheEnd(runId)
    await assertManifestHolds(runId)
    assert.ok(
      look()
        .batchesOf(runId)
        .flatMap(({ rowIds }) => rowIds).length > rows,
      'nothing was read twice: it died too late',
    )
    await heir.stop()
  })

  test('a column of the mapping that has gone since is said by the run, before anything is published', async () => {
    await world.sql(`create table renamed as select 1 as id, now() as at, 'a' as visited_by`)
    const extractor = await world.startExtractor('mapped')
    const runId = await world.startRun('renamed')
    await until(async () => (await stateOf(runId)) === 'failed', { timeoutMs: 60_000, what: 'the end of the run' })
    const { error } = await world.db
      .selectFrom('runs')
      .select('error')
      .where('id', '=', runId)
      .executeTakeFirstOrThrow()
    assert.equal(error?.code, 'mapping_invalid')
    assert.match(error?.message ?? '', /visitor/)
    assert.deepEqual(look().batchesOf(runId), [])
    await extractor.stop()
  })

  test('a run keeps the partitions that it was planned with, whatever its readers are configured to', async () => {
    const planning = await world.startExtractor('planning', { MILLRACE_FAILPOINTS: 'extractor.afterPlanStored=exit:1' })
    const runId = await world.startRun('visits')
    await planning.exited
    await world.db
      .updateTable('runs')
      .set({ partitions: partitions - 1 })
      .where('id', '=', runId)
      .execute()
    const reading = await world.startExtractor('reading')
    await until(async () => (await stateOf(runId)) === 'draining', { timeoutMs: 60_000, what: 'the end of reading' })
    await until(() => look().markersOf(runId, 'run_end').length >= partitions - 1, { timeoutMs: 60_000 })
    const manifest = await partitionManifest(world.db, runId)
    assert.equal(
      manifest.rows.reduce((sum, each) => sum + each, 0),
      rows,
    )
    assert.deepEqual(
      look()
        .batchesOf(runId)
        .filter(({ partition }) => partition >= partitions - 1),
      [],
    )
    await reading.stop()
  })

  test('SIGTERM in the middle of a chunk gives it back at once', async () => {
    const leaseMs = '60000'
    const slow = { MILLRACE_LEASE_MS: leaseMs, MILLRACE_FAILPOINTS: 'extractor.beforeChunkStored=delay:300' }
    const stopping = await world.startExtractor('stopping', slow)
    const runId = await world.startRun('visits')
    await until(() => look().batchesOf(runId).length > 10, { what: 'some batches' })
    const started = performance.now()
    await stopping.stop()
    assert.deepEqual(await stopping.exited, { code: 0, signal: null })
    const leased = await world.db
      .selectFrom('run_tasks')
      .select('index')
      .where('run_id', '=', runId)
      .where('state', '=', 'leased')
      .execute()
    assert.deepEqual(leased, [])
    assert.equal(await stateOf(runId), 'reading', 'the run was over before it could be interrupted')
    const heir = await world.startExtractor('second heir', { MILLRACE_LEASE_MS: leaseMs })
    await readToTheEnd(runId)
    await assertManifestHolds(runId)
    assert.ok(performance.now() - started < Number(leaseMs), 'the lease had to run out first')
    await heir.stop()
  })

  test('a run whose bytes nobody loads stops reading at the limit, and goes on when they are loaded', async () => {
    const limit = 8 * 1024 * 1024
    const extractor = await world.startExtractor('bounded', { MILLRACE_IN_FLIGHT_BYTES: String(limit) })
    await world.sql('create table wide as select id, at, visitor, repeat(note, 5) as note from visits')
    const runId = await world.startRun('wide')
    const published = () =>
      look()
        .batchesOf(runId)
        .reduce((sum, { header }) => sum + header.bytes, 0)
    await until(() => published() > limit, { timeoutMs: 60_000, what: 'the limit' })
    await until(staysTheSame(published), { everyMs: 1000, timeoutMs: 60_000, what: 'the readers to wait' })
    const held = published()
    assert.ok(held < rows * 1200, `all of it was published: ${held} bytes`)
    await pretendLoaded(runId)
    await until(() => published() > held, { timeoutMs: 60_000, what: 'more batches' })
    await until(
      async () => {
        await pretendLoaded(runId)
        return (await stateOf(runId)) === 'draining'
      },
      { timeoutMs: 60_000, what: 'the end of reading' },
    )
    await extractor.stop()
  })

  /** What a loader would note: everything that stands in the topic is loaded. */
  async function pretendLoaded(runId: string): Promise<void> {
    const sums = new Map<string, { partition: number; chunk: number; attempt: number; bytes: number; next: number }>()
    for (const { partition, header } of firstCopies(look().batchesOf(runId))) {
      const key = `${partition}/${header.chunk}/${header.attempt}`
      const sum = sums.get(key) ?? { partition, chunk: header.chunk, attempt: header.attempt, bytes: 0, next: 0 }
      sums.set(key, { ...sum, bytes: sum.bytes + header.bytes, next: header.seq + 1 })
    }
    for (const { partition, chunk, attempt, bytes, next } of sums.values()) {
      await world.db
        .insertInto('run_progress')
        .values({ run_id: runId, partition, chunk, attempt, next_seq: next, bytes, gap_seq: null, ...nothingCounted })
        .onConflict((conflict) =>
          conflict.columns(['run_id', 'partition', 'chunk', 'attempt']).doUpdateSet({ bytes, next_seq: next }),
        )
        .execute()
    }
  }
})

const nothingCounted = {
  rows: 0,
  events: 0,
  updates: 0,
  deletes: 0,
  user_updates: 0,
  user_deletes: 0,
  group_updates: 0,
  group_deletes: 0,
  lookup_rows: 0,
  rejected: 0,
  filtered: 0,
  sent: 0,
}

/** True when the number is the one of the last look. */
function staysTheSame(read: () => number): () => boolean {
  let last = -1
  return () => {
    const now = read()
    const same = now === last
    last = now
    return same
  }
}

/** A batch may stand twice when an answer of Kafka was lost; the loader counts its first copy. */
function firstCopies(batches: readonly SeenBatch[]): SeenBatch[] {
  const known = new Set<string>()
  return batches.filter(({ partition, header }) => {
    const key = `${partition}/${header.chunk}/${header.attempt}/${header.seq}`
    return known.has(key) ? false : known.add(key)
  })
}
