import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { CanonicalEncoder } from '@millrace/domain/identity/canonical.ts'
import { beforeColumns } from '@millrace/domain/mapping/before-columns.ts'
import { compileMapping } from '@millrace/domain/mapping/compile.ts'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { AvroWriter } from '@millrace/domain/wire/avro-writer.ts'
import { ChangeBatchBuilder, readChangeBatch } from '@millrace/domain/wire/change-batch.ts'
import { compileSkipRow } from '@millrace/domain/wire/skip-row.ts'
import { readUpdateBatch, UpdateBatchBuilder } from '@millrace/domain/wire/update-batch.ts'
import fc from 'fast-check'
import { basic, RunningService } from './running-service.ts'

/** What the mapping makes of a mirrored table, taken by the service: both sides of the interface at once. */

type Row = readonly [id: number, at: number | null, who: string | null, plan: string | null]

const schema: RowSchema = {
  table: 'crm.people',
  key: ['id'],
  columns: [
    { name: 'id', type: 'integer', sourceType: 'INT64' },
    { name: 'at', type: 'timestamp', sourceType: 'TIMESTAMP' },
    { name: 'who', type: 'string', sourceType: 'STRING' },
    { name: 'plan', type: 'string', sourceType: 'STRING' },
  ],
}
const events: Mapping = { tableType: 'events', eventName: { value: 'Plan' }, time: 'at', userId: 'who' }
const history: Mapping = { tableType: 'user_profiles', profileKind: 'history', userId: 'who', startTime: 'at' }
const nowMs = Date.UTC(2026, 0, 1)
const context = { syncId: 's', generation: 1, importId: 'i', warehouse: 'bigquery', strict: true } as const

const row: fc.Arbitrary<Row> = fc.tuple(
  fc.integer({ min: 1, max: 12 }),
  fc.constantFrom(nowMs - 5000, nowMs - 4000, nowMs - 3000, nowMs, null, 5),
  fc.constantFrom('ann', 'bob', 'null', null),
  fc.constantFrom('free', 'pro', null),
)
const snapshots = fc.sample(fc.uniqueArray(row, { selector: ([id]) => id, maxLength: 12 }), { numRuns: 12, seed: 9 })

for (const [path, mapping, projectId] of [
  ['events', events, '1'],
  ['profiles', history, '2'],
] as const) {
  describe(`a table mirrored as ${path}`, () => {
    const service = new RunningService()
    before(async () => {
      await service.start()
      await service.putProject(projectId)
    })
    after(() => service.close())

    test('is equal at the destination after every run, delivered twice and backwards', async () => {
      for (const [n, now] of snapshots.entries()) {
        const operations = operationsOf(mapping, snapshots[n - 1] ?? [], now, n + 1)
        await send(service, path, projectId, [...operations, ...operations].reverse())
        const expected = now.filter(isGood).map(([id, at, who, plan]) => [id, at, who, plan])
        assert.deepEqual(await shown(service, projectId, path), expected.sort(), `run ${n + 1}`)
      }
    })
  })
}

/** By the rules of both table types: a time since 1971, and an id that is none of the placeholders. */
function isGood([, at, who]: Row): boolean {
  return at !== null && at > 5 && who !== null && who !== 'null'
}

function operationsOf(mapping: Mapping, from: readonly Row[], to: readonly Row[], runSeq: number): unknown[] {
  const changes = new ChangeBatchBuilder()
  const before = beforeColumns(mapping, schema)
  const image = ([, at, who]: Row) => encode([at, who])
  let ordinal = 0
  for (const old of from)
    if (!to.some(([id]) => id === old[0])) changes.append('delete', ordinal++, rowId(old), null, 0, 0, image(old))
  for (const now of to) {
    const old = from.find(([id]) => id === now[0])
    const bytes = encode(now)
    if (old === undefined) changes.append('insert', ordinal++, rowId(now), bytes)
    else if (String(old) !== String(now))
      changes.append('update', ordinal++, rowId(now), bytes, 0, bytes.length, image(old))
  }
  const header = {
    projectId: 'p',
    syncId: 's',
    runId: 'r',
    runSeq,
    generation: 1,
    mappingVersion: 1,
    chunk: 0,
    attempt: 1,
  }
  const message = changes.finish({ ...header, seq: 0, traceparent: '' })
  const cursor = readChangeBatch(message, 0, compileSkipRow(schema), compileSkipRow({ columns: before }))
  const out = new UpdateBatchBuilder()
  compileMapping({ mapping, schema, before, context }).transformBatch(cursor, nowMs, out)
  const updates = readUpdateBatch(out.finish(cursor.header, mapping.tableType))
  const operations: unknown[] = []
  while (updates.next()) {
    const op = updates.op === 'insert' || updates.op === 'update' ? 'upsert' : 'delete'
    operations.push([op, 1, runSeq, updates.ordinal, JSON.parse(updates.body().toString())])
  }
  return operations
}

function rowId([id]: Row): Buffer {
  const encoder = new CanonicalEncoder()
  encoder.addInteger(id)
  return encoder.digest(false)
}

/** The columns in the order of the table; of a before-image time and id, in the order of `beforeColumns`. */
function encode(cells: readonly (number | string | null)[]): Buffer {
  const writer = new AvroWriter(64)
  for (const cell of cells) {
    if (cell === null) writer.writeNull()
    else writer.writeSome()
    if (typeof cell === 'number') writer.writeLong(cell > 12 ? cell * 1000 : cell)
    else if (typeof cell === 'string') writer.writeString(cell)
  }
  return writer.take()
}

async function send(service: RunningService, path: string, projectId: string, operations: unknown[]): Promise<void> {
  const response = await fetch(`${service.url}/mirror/${path}?project_id=${projectId}`, {
    method: 'POST',
    headers: { authorization: basic, 'content-type': 'application/json' },
    body: JSON.stringify(operations),
  })
  assert.equal(response.status, 200, await response.text())
}

async function shown(service: RunningService, projectId: string, path: string): Promise<unknown[]> {
  const [table, at, who] =
    path === 'events' ? ['events', 'time_ms', 'distinct_id'] : ['profile_history', 'start_ms', 'id']
  const sql = `SELECT (properties->>'$.id')::INT, ${at}, ${who}, properties->>'$.plan' FROM ${table}`
  const { rows } = (await (await service.query(projectId, sql)).json()) as { rows: [number, unknown, string, string][] }
  return rows.map(([id, ms, name, plan]) => [id, Number(ms), name, plan]).sort()
}
