import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { changedPartitions, mayPrune, partitionFilter, partitionsOf } from '@millrace/warehouses/bigquery/partitions.ts'
import type { PlanRequest } from '@millrace/warehouses/warehouse.ts'
import { type BigQuerySource, field, requestFor, signal, stagingDataset, startSource } from './bigquery-source.ts'
import { Replica } from './mirror-replica.ts'

const hourMs = 3_600_000
const fields = [field('id', 'INTEGER'), field('day', 'DATE'), field('what', 'STRING')]
const before = [{ name: 'what', sourceType: 'STRING', type: 'string' as const }]
const byDay = { timePartitioning: { type: 'DAY' as const, field: 'day' } }
/** Ten rows a day for 700 days. */
const filled = `INSERT INTO $table (id, day, what) SELECT i, DATE '2024-01-01' + (i // 10)::INT, repeat('x', 20) FROM range(7000) t(i)`
/** Rows of five days are changed, moved, removed or new. */
const fiveDays = `UPDATE $table SET what = 'changed' WHERE day = '2025-11-26' AND id % 2 = 0;
  DELETE FROM $table WHERE day = '2025-11-27' AND id % 10 = 3;
  INSERT INTO $table SELECT id, day, 'twin' FROM $table WHERE day = '2025-11-28';
  UPDATE $table SET day = DATE '2025-11-29' WHERE day = '2025-11-30' AND id % 10 = 1`

describe('the partitions of a mirrored table of BigQuery', () => {
  let source: BigQuerySource
  let ahead = 0
  beforeEach(async () => {
    ahead = 0
    source = await startSource({ now: () => Date.now() + ahead })
  })
  afterEach(() => source.stop())

  const change = (name: string, statement: string) => source.server.change('shop', name, statement)
  const bytesOfRun = (runId: string) =>
    [...source.server.jobs.byId.values()]
      .filter(({ id }) => id.includes(`${runId}_diff`) && !id.includes('counts'))
      .map(({ bytes }) => bytes)

  async function mirrorOf(name: string, options: object, more: Partial<PlanRequest> = {}): Promise<Replica> {
    await source.server.createTable('shop', name, fields, options)
    await change(name, filled)
    ahead += hourMs
    const mirror = new Replica(source.warehouse, requestFor(name, { mode: 'mirror', before, ...more }))
    await mirror.run()
    ahead += 24 * hourMs
    return mirror
  }
  const runIdOf = (mirror: Replica) => String(mirror.plans.at(-1)?.pin.runId)
  const content = async (name: string) => {
    const { versions } = source.server.storage.get('shop', name)
    const reader = await source.server.storage.read(`SELECT DISTINCT id, day, what FROM ${versions.at(-1)?.physical}`)
    return reader.getRows().length
  }

  it('are read only where they changed: five of seven hundred, on both sides, as the estimate says', async () => {
    const mirror = await mirrorOf('visits', byDay)
    await change('visits', fiveDays)
    const estimate = await source.warehouse.estimate(
      { ...requestFor('visits', { mode: 'mirror' }), cursor: mirror.cursor },
      signal,
    )
    const { plan } = await mirror.run()
    const size = ({
      bytes,
      partitions,
    }: {
      bytes: number
      partitions: ReadonlyMap<string, { bytes: number }> | null
    }) => ({
      whole: bytes,
      five: ['20251126', '20251127', '20251128', '20251129', '20251130'].reduce(
        (sum, id) => sum + (partitions?.get(id)?.bytes ?? 0),
        0,
      ),
    })
    const versions = source.server.storage.get('shop', 'visits').versions
    const [old, now] = versions.slice(-2).map(size)
    assert.ok(old && now)
    assert.deepEqual(bytesOfRun(runIdOf(mirror)), [old.five + now.five])
    assert.equal(estimate?.bytes, old.five + now.five)
    assert.ok((old.five + now.five) * 100 < old.whole + now.whole, 'less than a hundredth of the table')
    assert.equal(plan.changes?.identicalRows, 0)
    assert.equal(mirror.rows.size, await content('visits'))
  })

  it('of ingestion time are left out too, but not when rows are gone, since identical ones may be in another partition', async () => {
    const mirror = await mirrorOf('arrivals', { timePartitioning: { type: 'DAY' } })
    await change(
      'arrivals',
      "INSERT INTO $table (id, day, what) VALUES (9000, DATE '2026-01-01', 'new'), (1, DATE '2024-01-01', repeat('x', 20))",
    )
    await mirror.run()
    const whole = source.server.storage.get('shop', 'arrivals').versions.at(-1)?.bytes ?? 0
    const [bytes = 0] = bytesOfRun(runIdOf(mirror))
    assert.ok(bytes > 0 && bytes < whole / 100)
    ahead += 24 * hourMs
    // The row stands in an older partition as well.
    await change(
      'arrivals',
      'DELETE FROM $table WHERE id = 1 AND _PARTITIONTIME = (SELECT max(_PARTITIONTIME) FROM $table)',
    )
    const { changes } = await mirror.run()
    assert.deepEqual(changes, [])
    assert.equal(bytesOfRun(runIdOf(mirror)).length, 2)
  })

  it('are all read when a key could have rows in several of them, or when a person accepted other columns', async () => {
    const keyed = await mirrorOf('keyed', { ...byDay, primaryKey: ['id'] })
    await change('keyed', fiveDays)
    await keyed.run()
    const mirror = await mirrorOf('altered', byDay)
    await source.server.dropColumn('shop', 'altered', 'what')
    const error = await mirror
      .run({ before: [] })
      .catch((reason: unknown) => reason as { details: { schemaFingerprint: string } })
    assert.ok('details' in error)
    const { plan } = await mirror.run({ before: [], acceptedSchema: error.details.schemaFingerprint })
    assert.deepEqual([plan.changes?.deletes, plan.changes?.inserts], [7000, 7000])
    for (const [name, each] of [
      ['keyed', keyed],
      ['altered', mirror],
    ] as const) {
      const [old, now] = source.server.storage.get('shop', name).versions.slice(-2)
      assert.deepEqual(bytesOfRun(runIdOf(each)), [(old?.bytes ?? 0) + (now?.bytes ?? 0)])
    }
  })

  it('that are gone, or hold no time, are compared as well', async () => {
    const mirror = await mirrorOf('visits', byDay)
    await change(
      'visits',
      "DELETE FROM $table WHERE day = '2024-01-05'; INSERT INTO $table VALUES (8000, NULL, 'never')",
    )
    const { plan } = await mirror.run()
    assert.deepEqual([plan.changes?.deletes, plan.changes?.inserts], [10, 1])
    ahead += 24 * hourMs
    await change('visits', "UPDATE $table SET what = 'later' WHERE day IS NULL")
    assert.equal((await mirror.run()).changes.length, 2)
    assert.equal(mirror.rows.size, await content('visits'))
  })

  it('stay with the snapshot', async () => {
    const mirror = await mirrorOf('visits', byDay)
    const name = String(mirror.cursor?.pin.snapshot)
    assert.equal(source.server.storage.get(stagingDataset, name).options.timePartitioning?.field, 'day')
    assert.equal(Object.keys(mirror.cursor?.pin.partitions ?? {}).length, 700)
  })
})

describe('the choice of partitions', () => {
  const at = '2026-01-02 00:00:00.000000'
  const since = BigInt(Date.UTC(2026, 0, 2)) * 1000n
  const partition = (id: string, rows: number, modifiedAt = 0n) => ({ id, rows, modifiedAt })
  const found = (column: string | null, unit: string | null, rule: 'date' | 'datetime' | 'timestamp' = 'timestamp') =>
    ({
      partitioning: { kind: column === null ? ('ingestion_time' as const) : ('column' as const), column, unit },
      columns: [{ name: column ?? 'x', sourceType: '', nullable: true, rule }],
    }) as unknown as Parameters<typeof partitionFilter>[0]

  it('takes what is new, gone, of another size or changed since, and what was changed shortly before', () => {
    const old = { '20260101': 1, '20260102': 2, '20260103': 3, '20260104': 4 }
    const now = [partition('20260101', 1), partition('20260102', 1), partition('20260104', 4), partition('20260105', 5)]
    const table = [
      partition('20260101', 1, since - 3_600_000_000n),
      partition('20260102', 1),
      partition('20260104', 4, since - 60_000_000n),
      partition('20260105', 5),
    ]
    assert.deepEqual(changedPartitions({ old, at, now, table }), ['20260102', '20260103', '20260104', '20260105'])
  })

  it('takes all when there are rows in no partition yet, or ids of a form that it does not know', () => {
    for (const id of ['__UNPARTITIONED__', '12', '2026-01-01'])
      assert.equal(changedPartitions({ old: {}, at, now: [], table: [partition(id, 1)] }), null)
  })

  it('becomes a condition with constants, neighbours in one range', () => {
    const days = ['20251231', '20260101', '20260103', '__NULL__']
    assert.equal(
      partitionFilter(found('t', 'DAY', 'date'), days),
      "((`t` >= DATE '2025-12-31' AND `t` < DATE '2026-01-02') OR (`t` >= DATE '2026-01-03' AND `t` < DATE '2026-01-04') OR `t` IS NULL)",
    )
    assert.match(
      partitionFilter(found(null, 'HOUR'), ['2026010123']) ?? '',
      /_PARTITIONTIME >= TIMESTAMP '2026-01-01 23:00:00.000000\+00' AND _PARTITIONTIME < TIMESTAMP '2026-01-02 00/,
    )
    assert.match(
      partitionFilter(found('t', 'MONTH', 'datetime'), ['202512']) ?? '',
      /< DATETIME '2026-01-01 00:00:00.000000'/,
    )
    assert.match(partitionFilter(found('t', 'YEAR'), ['2025']) ?? '', /< TIMESTAMP '2026-01-01/)
    assert.equal(partitionFilter(found('t', 'DAY'), []), 'FALSE')
    const many = Array.from({ length: 1001 }, (_, i) =>
      new Date(i * 172_800_000).toISOString().slice(0, 10).replaceAll('-', ''),
    )
    assert.equal(partitionFilter(found('t', 'DAY'), many), null)
  })

  it('is made only where the rows of one identity are in one partition', () => {
    assert.equal(mayPrune(found('t', 'DAY'), []), 'yes')
    assert.equal(mayPrune(found('t', 'DAY'), ['id', 't']), 'yes')
    assert.equal(mayPrune(found('t', 'DAY'), ['id']), 'no')
    assert.equal(mayPrune(found('t', null), []), 'no')
    assert.equal(mayPrune(found(null, 'DAY'), []), 'if_no_deletes')
    assert.equal(mayPrune(found(null, 'DAY'), ['id']), 'no')
    assert.deepEqual(partitionsOf(null), [])
    assert.deepEqual(partitionsOf('20260101:3:5'), [partition('20260101', 3, 5n)])
  })
})
