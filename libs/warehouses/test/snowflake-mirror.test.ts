import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { PlanRequest } from '@millrace/warehouses/warehouse.ts'
import { mirrorRuns, type Played } from './snowflake-mirror-runs.ts'
import { type SnowflakeSource, signal, startSource } from './snowflake-source.ts'

let source: SnowflakeSource
before(async () => {
  source = await startSource()
})
after(() => source.stop())

const { makeTable, run, requestOf, leavingsOf, play, readOf, told } = mirrorRuns(() => source)

describe('mirror of a table with a key', () => {
  test('sends all rows first, then what was inserted, changed and deleted, with the old values', async () => {
    const name = await makeTable(true)
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a'), (2, 'b'), (3, 'c')`)
    const first = await play(name, null)
    assert.deepEqual(told(first.changes), ['insert 1 a <', 'insert 2 b <', 'insert 3 c <'])
    assert.deepEqual(first.plan.changes, { inserts: 3, updates: 0, deletes: 0, knownRows: 0, identicalRows: 0 })
    await run(`UPDATE PUBLIC.${name} SET PLACE = 'B' WHERE ID = 2`)
    await run(`DELETE FROM PUBLIC.${name} WHERE ID = 3`)
    await run(`INSERT INTO PUBLIC.${name} VALUES (4, 'd')`)
    const second = await play(name, first.plan.nextCursor)
    assert.deepEqual(told(second.changes), ['delete < c', 'insert 4 d <', 'update 2 B < b'])
    assert.deepEqual(second.plan.changes, { inserts: 1, updates: 1, deletes: 1, knownRows: 3, identicalRows: 0 })
    await run(`UPDATE PUBLIC.${name} SET PLACE = PLACE`)
    const third = await play(name, second.plan.nextCursor)
    assert.deepEqual(third.changes, [])
    assert.equal(third.plan.nextCursor?.pin.rows, 3)
  })

  test('keeps the id of a row whatever becomes of its other columns, and when it is made again', async () => {
    const name = await makeTable(true)
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a')`)
    const first = await play(name, null)
    await run(`DELETE FROM PUBLIC.${name}`)
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'again')`)
    const second = await play(name, first.plan.nextCursor)
    assert.deepEqual(told(second.changes), ['update 1 again < a'])
    assert.equal(second.changes[0]?.id, first.changes[0]?.id)
    await run(`DELETE FROM PUBLIC.${name}`)
    const third = await play(name, second.plan.nextCursor)
    assert.deepEqual(told(third.changes), ['delete < again'])
    assert.equal(third.changes[0]?.id, first.changes[0]?.id)
  })

  test('counts rows that share a key, and sends one of them', async () => {
    const name = await makeTable()
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a'), (1, 'b'), (NULL, 'c'), (NULL, 'd')`)
    const { plan, changes } = await play(name, null, { identity: ['ID'] })
    assert.equal(changes.length, 2)
    assert.equal(plan.changes?.identicalRows, 2)
  })
})

describe('mirror of a table without a key', () => {
  test('knows rows by the id that Snowflake gives them, so that a changed row is an update', async () => {
    const name = await makeTable()
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a'), (1, 'a'), (NULL, NULL)`)
    const first = await play(name, null)
    assert.deepEqual(told(first.changes), ['insert   <', 'insert 1 a <', 'insert 1 a <'])
    assert.equal(new Set(first.changes.map(({ id }) => id)).size, 3)
    await run(`UPDATE PUBLIC.${name} SET PLACE = 'b' WHERE ID = 1`)
    await run(`DELETE FROM PUBLIC.${name} WHERE ID IS NULL`)
    const second = await play(name, first.plan.nextCursor)
    assert.deepEqual(told(second.changes), ['delete < ', 'update 1 b < a', 'update 1 b < a'])
    const idsOf = ({ changes }: Played) => changes.map(({ id }) => id).sort()
    assert.deepEqual(idsOf(second), idsOf(first))
  })
})

describe('a run of mirror that does not succeed', () => {
  test('loses nothing: the next one begins where the last succeeded one ended', async () => {
    const name = await makeTable(true)
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a'), (2, 'b')`)
    const first = await play(name, null)
    await run(`DELETE FROM PUBLIC.${name} WHERE ID = 1`)
    const failed = await readOf(requestOf(name, first.plan.nextCursor))
    assert.deepEqual(told(failed.changes), ['delete < a'])
    await source.warehouse.cleanUp(
      leavingsOf(failed.request, failed.plan, { isNeeded: false, isSucceeded: false }),
      signal,
    )
    await run(`UPDATE PUBLIC.${name} SET PLACE = 'B'`)
    const next = await play(name, first.plan.nextCursor)
    assert.deepEqual(told(next.changes), ['delete < a', 'update 2 B < b'])
    assert.deepEqual(await keptOf([first, failed, next]), [String(next.plan.pin.stream)])
  })

  test('of a first run leaves nothing, and all rows are sent by the next', async () => {
    const name = await makeTable()
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a')`)
    const failed = await readOf(requestOf(name, null))
    await source.warehouse.cleanUp(
      leavingsOf(failed.request, failed.plan, { isNeeded: false, isSucceeded: false }),
      signal,
    )
    assert.deepEqual(await keptOf([failed]), [])
    assert.deepEqual(told((await play(name, null)).changes), ['insert 1 a <'])
  })

  for (const step of ['stream', 'set_aside'] as const) {
    test(`because its process died after the step ${step} is planned again without loss and without doubles`, async () => {
      const name = await makeTable()
      await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a')`)
      const firstRequest = requestOf(name, null)
      await dieAfter(step, firstRequest)
      const first = await readOf(firstRequest)
      assert.deepEqual(told(first.changes), ['insert 1 a <'])
      await source.warehouse.cleanUp(leavingsOf(firstRequest, first.plan), signal)
      await run(`INSERT INTO PUBLIC.${name} VALUES (2, 'b')`)
      const request = requestOf(name, first.plan.nextCursor)
      await dieAfter(step, request)
      const consumed = consumptions().length
      const second = await readOf(request)
      assert.deepEqual(told(second.changes), ['insert 2 b <'])
      assert.equal(consumptions().length - consumed, step === 'stream' ? 1 : 0)
      await run(`INSERT INTO PUBLIC.${name} VALUES (3, 'c')`)
      await source.warehouse.cleanUp(leavingsOf(request, second.plan), signal)
      assert.deepEqual(told((await play(name, second.plan.nextCursor)).changes), ['insert 3 c <'])
    })

    test(`and died after the step ${step} before its plan was stored, is cleaned away by its id`, async () => {
      const name = await makeTable()
      const request = requestOf(name, null)
      await dieAfter(step, request)
      await source.warehouse.cleanUp(leavingsOf(request, null, { isNeeded: false, isSucceeded: false }), signal)
      assert.deepEqual(await ownedBy(request.runId), [])
    })
  }

  test('is not disturbed by an attempt of its own that is still at work', async () => {
    const name = await makeTable()
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a'), (2, 'b')`)
    const first = await play(name, null)
    await run(`DELETE FROM PUBLIC.${name}`)
    const request = requestOf(name, first.plan.nextCursor)
    const attempts = await Promise.all([readOf(request), readOf(request)])
    for (const { changes } of attempts) assert.deepEqual(told(changes), ['delete < a', 'delete < b'])
  })
})

describe('what mirror leaves in the connector’s schema', () => {
  test('is one stream per sync once the runs were cleaned, also when they are cleaned again', async () => {
    const name = await makeTable(true)
    const first = await play(name, null)
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a')`)
    const second = await play(name, first.plan.nextCursor)
    await source.warehouse.cleanUp(leavingsOf(first.request, first.plan, { isNeeded: false }), signal)
    await source.warehouse.cleanUp(leavingsOf(second.request, second.plan), signal)
    assert.deepEqual(await keptOf([first, second]), [String(second.plan.pin.stream)])
    await run(`DELETE FROM PUBLIC.${name}`)
    assert.deepEqual(told((await play(name, second.plan.nextCursor)).changes), ['delete < a'])
  })

  test('goes when the sync ends', async () => {
    const name = await makeTable()
    const only = await play(name, null)
    await source.warehouse.cleanUp(leavingsOf(only.request, only.plan, { isNeeded: false }), signal)
    assert.deepEqual(await keptOf([only]), [])
  })

  test('tells when the changes will not be kept any more, so that people are warned before', async () => {
    const name = await makeTable()
    const { plan } = await play(name, null)
    const days = (Number(plan.nextCursor?.pin.expiresAt) - Date.now()) / 86_400_000
    assert.ok(days > 0.5 && days < 15, `${days} days`)
  })
})

async function dieAfter(step: 'stream' | 'set_aside', request: PlanRequest): Promise<void> {
  source.afterStep = (at) => {
    if (at === step) throw new Error('killed')
  }
  await assert.rejects(source.warehouse.plan(request, signal), /killed/)
  source.afterStep = undefined
}

function consumptions(): readonly string[] {
  return source.statements().filter((sql) => sql.includes('METADATA$ACTION'))
}

async function ownedBy(runId: string): Promise<readonly string[]> {
  const bare = runId.replaceAll('-', '').toUpperCase()
  return (await source.staged()).filter((name) => name.includes(bare))
}

async function keptOf(runs: readonly Played[]): Promise<readonly string[]> {
  return (await Promise.all(runs.map(({ request }) => ownedBy(request.runId)))).flat()
}
