import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { mirrorRuns } from './snowflake-mirror-runs.ts'
import { type SnowflakeSource, startSource } from './snowflake-source.ts'

let source: SnowflakeSource
let daysLater = 0
before(async () => {
  source = await startSource(() => Date.now() + daysLater * 86_400_000)
})
after(() => source.stop())

const { tableName, makeTable, run, requestOf, play, readOf, told } = mirrorRuns(() => source)

describe('a table of which nothing can be told', () => {
  test('because its stream is gone needs a resync, and deletes nothing', async () => {
    const name = await makeTable()
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a')`)
    const first = await play(name, null)
    await run(`DROP STREAM MILLRACE."${first.plan.pin.stream}"`)
    await assert.rejects(readOf(requestOf(name, first.plan.nextCursor)), {
      code: 'resync_required',
      details: { reason: 'stream_stale' },
    })
  })

  test('because nobody has read its stream for too long needs a resync, and deletes nothing', async () => {
    const name = await makeTable()
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a')`)
    const first = await play(name, null)
    await run(`DELETE FROM PUBLIC.${name}`)
    daysLater = 15
    await assert.rejects(readOf(requestOf(name, first.plan.nextCursor)), {
      code: 'resync_required',
      details: { reason: 'stream_stale' },
    })
    daysLater = 0
  })

  test('because it was made anew under its name needs a resync, and deletes nothing', async () => {
    const name = await makeTable()
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a')`)
    const first = await play(name, null)
    await source.server.createTable(`PUBLIC.${name}`, 'ID NUMBER(9,0), PLACE VARCHAR')
    await assert.rejects(readOf(requestOf(name, first.plan.nextCursor)), {
      code: 'resync_required',
      details: { reason: 'table_recreated' },
    })
  })

  test('because change tracking is off is told with the statement that turns it on', async () => {
    const name = tableName()
    await source.server.createTable(`PUBLIC.${name}`, 'ID NUMBER(9,0), PLACE VARCHAR')
    await assert.rejects(readOf(requestOf(name, null)), (error: { code: string; hint: string }) => {
      assert.equal(error.code, 'mode_not_supported')
      assert.match(error.hint, new RegExp(`ALTER TABLE "ANALYTICS"\\."PUBLIC"\\."${name}" SET CHANGE_TRACKING = TRUE;`))
      return true
    })
  })
})

describe('a table whose columns change', () => {
  test('stops before anything is made when one is dropped or renamed, and goes on when a person accepts that', async () => {
    const name = await makeTable(true)
    await run(`ALTER TABLE PUBLIC.${name} ADD COLUMN NOTE VARCHAR`)
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a', 'x')`)
    const first = await play(name, null)
    await run(`ALTER TABLE PUBLIC.${name} DROP COLUMN NOTE`)
    await run(`UPDATE PUBLIC.${name} SET PLACE = 'b'`)
    const request = requestOf(name, first.plan.nextCursor)
    const staged = await source.staged()
    let accepted = ''
    await assert.rejects(
      readOf(request),
      (error: { code: string; details: { mayContinue: boolean; schemaFingerprint: string } }) => {
        assert.equal(error.code, 'schema_changed')
        assert.equal(error.details.mayContinue, true)
        accepted = error.details.schemaFingerprint
        return true
      },
    )
    assert.deepEqual(await source.staged(), staged)
    const next = await play(name, first.plan.nextCursor, { acceptedSchema: accepted })
    assert.deepEqual(told(next.changes), ['update 1 b < a'])
  })

  test('goes on with a new column at the end', async () => {
    const name = await makeTable(true)
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a')`)
    const first = await play(name, null)
    await run(`ALTER TABLE PUBLIC.${name} ADD COLUMN NOTE VARCHAR`)
    await run(`INSERT INTO PUBLIC.${name} VALUES (2, 'b', 'new')`)
    const next = await play(name, first.plan.nextCursor)
    assert.deepEqual(told(next.changes), ['insert 2 b new <'])
  })
})

describe('mirror of a view', () => {
  test('follows what changes in the table behind it', async () => {
    const name = await makeTable()
    await run(`INSERT INTO PUBLIC.${name} VALUES (1, 'a'), (2, 'b')`)
    await source.server.createView(`PUBLIC.V${name}`, `SELECT ID, PLACE FROM PUBLIC.${name} WHERE ID > 1`)
    await run(`ALTER VIEW PUBLIC.V${name} SET CHANGE_TRACKING = TRUE`)
    const first = await play(`V${name}`, null)
    assert.deepEqual(told(first.changes), ['insert 2 b <'])
    await run(`UPDATE PUBLIC.${name} SET PLACE = 'c'`)
    const second = await play(`V${name}`, first.plan.nextCursor)
    assert.deepEqual(told(second.changes), ['update 2 c < b'])
  })
})
