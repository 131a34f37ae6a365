import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { nextRunId } from './mirror-replica.ts'
import { type RedshiftSource, requestFor, shopTable, signal, startSource } from './redshift-source.ts'

describe('what a run of Redshift reads', () => {
  let source: RedshiftSource
  before(async () => {
    source = await startSource()
    await source.makeTable('visits', 'n INTEGER, visitor VARCHAR(300)')
    await source.sql("INSERT INTO shop.visits SELECT i, repeat('visitor ', 30) || i % 7 FROM generate_series(0, 999) i")
  })
  after(() => source.stop())
  beforeEach(async () => {
    source.afterStep = undefined
    await source.clear()
  })
  const numbers = (rows: readonly { readonly values: readonly unknown[] }[]) =>
    rows.map(({ values }) => Number(values[0])).sort((a, b) => a - b)
  const all = Array.from({ length: 1000 }, (_, i) => i)

  it('is each row of one moment once, whatever is done to the table meanwhile, by whichever process', async () => {
    const { plan, pin } = await source.warehouse.plan(
      requestFor('visits', { runId: nextRunId(), chunkRows: 300 }),
      signal,
    )
    await source.sql('BEGIN; DELETE FROM shop.visits WHERE n < 500')
    assert.deepEqual(numbers(await source.readPlan(plan, pin.shared)), all)
    assert.deepEqual(numbers(await source.readPlan(plan, pin.shared)), all, 'the same again')
    await source.sql('ROLLBACK')
    assert.ok(plan.chunks.length > 1)
  })

  it('is taken up by a plan that is made again, after a death at each of its steps', async () => {
    const request = requestFor('visits', { runId: nextRunId() })
    for (const step of ['set_aside', 'unloaded']) {
      source.afterStep = (reached) => {
        if (reached === step) throw new Error('killed')
      }
      await assert.rejects(source.warehouse.plan(request, signal), /killed/)
    }
    source.afterStep = undefined
    const { rows } = await source.readAll(request)
    assert.deepEqual(numbers(rows), all)
    const made = source.statements().filter((sql) => sql.startsWith('CREATE TABLE'))
    assert.equal(new Set(made.filter((sql) => sql.includes(request.runId.replaceAll('-', '')))).size, 1)
    assert.equal((await source.staged()).length, 1)
  })

  it('is unloaded anew when its files are gone, and is read anew by another run when its rows are', async () => {
    const { plan, pin } = await source.warehouse.plan(requestFor('visits', { runId: nextRunId() }), signal)
    source.removeObjects()
    await assert.rejects(source.readPlan(plan, pin.shared), { code: 'pin_lost' })
    const again = await source.warehouse.repin(plan, signal)
    assert.equal(again.rereadAll, true)
    await assert.rejects(source.readPlan(plan, again.pin.shared), { code: 'pin_lost' })
    assert.deepEqual(numbers(await source.readPlan(again.plan, again.pin.shared)), all)
    await source.clear()
    await assert.rejects(source.warehouse.repin(plan, signal), { code: 'query_failed' })
  })

  it('is stopped in the warehouse when the run is', async () => {
    const stopped = new AbortController()
    source.server.beforeStatement = (sql) => {
      if (sql.startsWith('CREATE TABLE')) stopped.abort(new Error('the lease was lost'))
    }
    const request = requestFor('visits', { runId: nextRunId() })
    await assert.rejects(source.warehouse.plan(request, stopped.signal), /lease was lost/)
    source.server.beforeStatement = () => undefined
    assert.deepEqual(numbers((await source.readAll(request)).rows), all)
  })

  it('leaves nothing behind once it is cleaned up, also when the plan was never stored', async () => {
    for (const isStored of [false, true]) {
      const request = requestFor('visits', { runId: nextRunId() })
      const { plan } = await source.warehouse.plan(request, signal)
      assert.notDeepEqual([...(await source.staged()), ...source.objects()], [])
      const { runId, syncId, table } = request
      const leavings = { runId, syncId, table, plan: isStored ? plan : null, isNeeded: false, isSucceeded: isStored }
      await source.warehouse.cleanUp(leavings, signal)
      assert.deepEqual([...(await source.staged()), ...source.objects()], [])
      await source.warehouse.cleanUp(leavings, signal)
    }
  })

  it('is nothing when the table is empty', async () => {
    await source.makeTable('empty', 'n INTEGER')
    const { plan, rows } = await source.readAll(requestFor('empty', { runId: nextRunId() }))
    assert.deepEqual([plan.chunks, rows, plan.nextCursor], [[], [], null])
  })

  it('needs a grant for each new table, and the error is the statement to run', async () => {
    await source.sql('CREATE TABLE shop.new_table (n INTEGER)')
    await assert.rejects(source.warehouse.describeTable(shopTable('new_table'), signal), {
      code: 'permission_denied',
      hint: 'Run: GRANT SELECT ON TABLE "shop"."new_table" TO "IAMR:MillraceRole";',
    })
    await source.sql('GRANT SELECT ON TABLE "shop"."new_table" TO "IAMR:MillraceRole"')
    await source.warehouse.describeTable(shopTable('new_table'), signal)
  })

  it('works in a workgroup of Redshift Serverless as in a cluster', async () => {
    const warehouse = source.open({ workgroupName: source.server.workgroupName })
    const { plan, pin } = await warehouse.plan(requestFor('visits', { runId: nextRunId() }), signal)
    assert.deepEqual(numbers(await source.readPlan(plan, pin.shared)), all)
  })
})
