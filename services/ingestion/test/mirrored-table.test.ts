import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import { readUpdateBatch } from '@millrace/domain/wire/update-batch.ts'
import { type MirroredRow, mirroredBatch, mirrorMappings, rowChanges } from '@millrace/testkit/mirrored-rows.ts'
import fc from 'fast-check'
import { basic, RunningService } from './running-service.ts'

/** What the mapping makes of a mirrored table, taken by the service: both sides of the interface at once. */

const nowMs = Date.UTC(2026, 0, 1)

const row: fc.Arbitrary<MirroredRow> = fc
  .tuple(
    fc.integer({ min: 1, max: 12 }),
    fc.constantFrom(nowMs - 5000, nowMs - 4000, nowMs - 3000, nowMs, null, 5),
    fc.constantFrom('ann', 'bob', 'null', null),
    fc.constantFrom('free', 'pro', null),
  )
  .map(([id, at, who, plan]) => ({ id, at, who, plan }))
const snapshots = fc.sample(fc.uniqueArray(row, { selector: ({ id }) => id, maxLength: 12 }), { numRuns: 12, seed: 9 })

for (const [path, mapping, projectId] of [
  ['events', mirrorMappings.events, '1'],
  ['profiles', mirrorMappings.users, '2'],
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
        const expected = now.filter(isGood).map(({ id, at, who, plan }) => [id, at, who, plan])
        assert.deepEqual(await shown(service, projectId, path), expected.sort(), `run ${n + 1}`)
      }
    })
  })
}

/** By the rules of both table types: a time since 1971, and an id that is none of the placeholders. */
function isGood({ at, who }: MirroredRow): boolean {
  return at !== null && at > 5 && who !== null && who !== 'null'
}

function operationsOf(
  mapping: Mapping,
  from: readonly MirroredRow[],
  to: readonly MirroredRow[],
  runSeq: number,
): unknown[] {
  const header = { projectId: 'p', syncId: 's', runId: 'r', runSeq, generation: 1, chunk: 0, attempt: 1, seq: 0 }
  const parts = { mapping, header, importId: 'i', firstOrdinal: 0, nowMs }
  const updates = readUpdateBatch(mirroredBatch(rowChanges(from, to), parts))
  const operations: unknown[] = []
  while (updates.next()) {
    const op = updates.op === 'insert' || updates.op === 'update' ? 'upsert' : 'delete'
    operations.push([op, 1, runSeq, updates.ordinal, JSON.parse(updates.body().toString())])
  }
  return operations
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
