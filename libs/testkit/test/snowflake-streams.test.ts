import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { until } from '@millrace/local-stack/servers/until.ts'
import { type SnowflakeServer, startSnowflakeServer } from '@millrace/testkit/snowflake/snowflake-server.ts'
import fc from 'fast-check'
import { Driver } from './snowflake-driver.ts'

const dayMs = 86_400_000

describe('streams of the stand-in for Snowflake', () => {
  let server: SnowflakeServer
  let driver: Driver
  let now = Date.now()
  let serial = 0
  before(async () => {
    server = await startSnowflakeServer({ now: () => now })
    driver = await Driver.connect(server)
  })
  after(async () => {
    await driver.close()
    await server.close()
  })

  /** A tracked table with the rows 1 and 2. */
  async function table(): Promise<string> {
    const name = `T${++serial}`
    await server.createTable(name, 'ID INT, V VARCHAR')
    await server.run(`ALTER TABLE ${name} SET CHANGE_TRACKING = TRUE`)
    await server.run(`INSERT INTO ${name} VALUES (1, 'a'), (2, 'b')`)
    return name
  }

  const changes = (stream: string) =>
    driver.texts(`SELECT METADATA$ACTION, METADATA$ISUPDATE, ID, V FROM ${stream} ORDER BY ID, METADATA$ACTION`)
  const consume = (stream: string) => driver.rows(`CREATE OR REPLACE TABLE ${stream}_READ AS SELECT * FROM ${stream}`)

  test('give the net changes since their offset: an update is a delete and an insert of one row', async () => {
    const name = await table()
    await driver.rows(`CREATE STREAM ${name}_S ON TABLE PUBLIC.${name}`)
    assert.deepEqual(await changes(`${name}_S`), [])
    await server.run(`UPDATE ${name} SET V = 'c' WHERE ID = 1`)
    await server.run(`UPDATE ${name} SET V = 'd' WHERE ID = 1`)
    await server.run(`DELETE FROM ${name} WHERE ID = 2`)
    await server.run(`INSERT INTO ${name} VALUES (3, 'x'), (4, 'gone')`)
    await server.run(`DELETE FROM ${name} WHERE ID = 4`)
    assert.deepEqual(await changes(`${name}_S`), [
      ['DELETE', 'TRUE', '1', 'a'],
      ['INSERT', 'TRUE', '1', 'd'],
      ['DELETE', 'FALSE', '2', 'b'],
      ['INSERT', 'FALSE', '3', 'x'],
    ])
    const ids = await driver.texts(`SELECT ID, METADATA$ROW_ID FROM ${name}_S ORDER BY ID`)
    assert.equal(ids[0]?.[1], ids[1]?.[1])
    assert.equal(new Set(ids.map(([, id]) => id)).size, 3)
  })

  test('move on when a statement that writes what it read commits, and not otherwise', async () => {
    const name = await table()
    const stream = `${name}_S`
    await driver.rows(`CREATE STREAM ${stream} ON TABLE PUBLIC.${name} SHOW_INITIAL_ROWS = TRUE`)
    const initial = [
      ['INSERT', 'FALSE', '1', 'a'],
      ['INSERT', 'FALSE', '2', 'b'],
    ]
    assert.deepEqual(await changes(stream), initial)
    await server.run(`INSERT INTO ${name} VALUES (3, 'c')`)
    assert.deepEqual(await changes(stream), initial)
    await driver.rows('CREATE TABLE KEEP_IDS (ID INT)')
    await assert.rejects(driver.rows(`INSERT INTO KEEP_IDS SELECT V FROM ${stream}`))
    await driver.rows('BEGIN')
    await driver.rows(`INSERT INTO KEEP_IDS SELECT ID FROM ${stream}`)
    await driver.rows('ROLLBACK')
    assert.deepEqual(await changes(stream), initial)
    assert.deepEqual(await driver.texts('SELECT COUNT(*) FROM KEEP_IDS'), [['0']])
    await driver.rows(`INSERT INTO KEEP_IDS SELECT ID FROM ${stream}`)
    assert.deepEqual(await changes(stream), [['INSERT', 'FALSE', '3', 'c']])
    await consume(stream)
    assert.deepEqual(await changes(stream), [])
    assert.deepEqual(await driver.texts(`SELECT SYSTEM$STREAM_HAS_DATA('${stream}') AS h`), [['FALSE']])
    await driver.rows('DROP TABLE KEEP_IDS')
  })

  test('give the same rows throughout a transaction, and others wait for its end', async () => {
    const name = await table()
    const stream = `${name}_S`
    await driver.rows(`CREATE STREAM ${stream} ON TABLE PUBLIC.${name}`)
    await server.run(`INSERT INTO ${name} VALUES (3, 'c')`)
    await driver.rows('CREATE OR REPLACE TABLE SINK (ID INT)')
    await driver.rows('CREATE OR REPLACE TABLE SINK2 (ID INT)')
    await driver.rows('BEGIN')
    await driver.rows(`INSERT INTO SINK SELECT ID FROM ${stream}`)
    await server.run(`INSERT INTO ${name} VALUES (4, 'd')`)
    assert.deepEqual(await changes(stream), [['INSERT', 'FALSE', '3', 'c']])
    const other = await Driver.connect(server)
    let hasEnded = false
    const count = server.statements.length
    const waiting = other.rows(`INSERT INTO SINK2 SELECT ID FROM ${stream}`).then(() => {
      hasEnded = true
    })
    await until(() => server.statements.length > count)
    await driver.rows(`SELECT ID FROM ${stream}`)
    assert.equal(hasEnded, false)
    await driver.rows('COMMIT')
    await waiting
    assert.deepEqual(await driver.texts('SELECT ID FROM SINK2'), [['4']])
    await other.close()
  })

  test('a clone, or one made AT another, stands where that one does', async () => {
    const name = await table()
    await driver.rows(`CREATE STREAM ${name}_S ON TABLE PUBLIC.${name}`)
    await server.run(`DELETE FROM ${name} WHERE ID = 1`)
    await driver.rows(`CREATE STREAM ${name}_C CLONE ${name}_S`)
    await driver.rows(`CREATE STREAM ${name}_A ON TABLE PUBLIC.${name} AT (STREAM => '${name}_S')`)
    await driver.rows(`CREATE STREAM ${name}_N ON TABLE PUBLIC.${name}`)
    await consume(`${name}_S`)
    const deleted = [['DELETE', 'FALSE', '1', 'a']]
    assert.deepEqual(await changes(`${name}_C`), deleted)
    assert.deepEqual(await changes(`${name}_A`), deleted)
    assert.deepEqual([await changes(`${name}_N`), await changes(`${name}_S`)], [[], []])
    await assert.rejects(driver.rows(`CREATE STREAM ${name}_C CLONE ${name}_S`), { code: '002002' })
    await driver.rows(`CREATE STREAM IF NOT EXISTS ${name}_C ON TABLE PUBLIC.${name}`)
    assert.deepEqual(await changes(`${name}_C`), deleted)
  })

  test('of appended rows only give inserts, also of rows that are gone', async () => {
    const name = await table()
    await driver.rows(`CREATE STREAM ${name}_S ON TABLE PUBLIC.${name} APPEND_ONLY = TRUE`)
    await server.run(`INSERT INTO ${name} VALUES (3, 'c'), (4, 'd')`)
    await server.run(`UPDATE ${name} SET V = 'z'`)
    await server.run(`DELETE FROM ${name} WHERE ID IN (1, 4)`)
    assert.deepEqual(await changes(`${name}_S`), [
      ['INSERT', 'FALSE', '3', 'c'],
      ['INSERT', 'FALSE', '4', 'd'],
    ])
  })

  test('of a table that was dropped or made again cannot be read', async () => {
    const name = await table()
    await driver.rows(`CREATE STREAM ${name}_S ON TABLE PUBLIC.${name}`)
    await server.createTable(name, 'ID INT, V VARCHAR')
    await server.run(`ALTER TABLE ${name} SET CHANGE_TRACKING = TRUE`)
    await assert.rejects(changes(`${name}_S`), /Base table .* dropped, cannot read from stream/)
    const [shown] = await driver.rows(`SHOW STREAMS LIKE '${name}_S'`)
    assert.equal(shown?.stale, 'true')
    await driver.rows(`DROP STREAM ${name}_S`)
  })

  test('are stale when they were not consumed for the larger of both retentions', async () => {
    const name = await table()
    await server.run(`ALTER TABLE ${name} SET DATA_RETENTION_TIME_IN_DAYS = 2 MAX_DATA_EXTENSION_TIME_IN_DAYS = 5`)
    await driver.rows(`CREATE STREAM ${name}_S ON TABLE PUBLIC.${name}`)
    now += 4 * dayMs
    await consumeAnew(`${name}_S`)
    now += 4 * dayMs
    assert.deepEqual(await (await fresh()).texts(`SELECT ID FROM ${name}_S`), [])
    const [before] = await (await fresh()).rows(`SHOW STREAMS LIKE '${name}_S'`)
    assert.ok(before)
    assert.equal(before.stale, 'false')
    assert.equal((before.stale_after as Date).getTime(), now + dayMs)
    now += dayMs
    await assert.rejects((await fresh()).rows(`SELECT ID FROM ${name}_S`), /stale/)
    const [late] = await (await fresh()).rows(`SHOW STREAMS LIKE '${name}_S'`)
    assert.equal(late?.stale, 'true')
  })

  /** Sessions end while days pass. */
  async function fresh(): Promise<Driver> {
    await driver.close()
    driver = await Driver.connect(server)
    return driver
  }
  async function consumeAnew(stream: string): Promise<void> {
    await fresh()
    await consume(stream)
  }

  test('need change tracking from their offset on', async () => {
    await server.createTable('UNTRACKED', 'ID INT')
    await assert.rejects(driver.rows('CREATE STREAM US ON TABLE PUBLIC.UNTRACKED'), { code: '000707' })
    const name = await table()
    await driver.rows(`CREATE STREAM ${name}_S ON TABLE PUBLIC.${name}`)
    await server.run(`ALTER TABLE ${name} SET CHANGE_TRACKING = FALSE`)
    await assert.rejects(changes(`${name}_S`), /Change tracking is not enabled/)
    await server.run(`INSERT INTO ${name} VALUES (9, 'missed')`)
    await server.run(`ALTER TABLE ${name} SET CHANGE_TRACKING = TRUE`)
    await assert.rejects(changes(`${name}_S`), /Change tracking is not enabled/)
  })

  test('do not see what DDL changes, and follow the columns', async () => {
    const name = await table()
    await driver.rows(`CREATE STREAM ${name}_S ON TABLE PUBLIC.${name}`)
    await server.run(`ALTER TABLE ${name} ADD COLUMN W INT DEFAULT 7`)
    assert.deepEqual(await driver.texts(`SELECT * FROM ${name}_S`), [])
    await server.run(`UPDATE ${name} SET V = 'n' WHERE ID = 1`)
    const both = await driver.texts(`SELECT METADATA$ACTION, V, W FROM ${name}_S ORDER BY 1`)
    assert.deepEqual(both, [
      ['DELETE', 'a', '7'],
      ['INSERT', 'n', '7'],
    ])
    await server.run(`ALTER TABLE ${name} RENAME COLUMN V TO RENAMED`)
    await server.run(`ALTER TABLE ${name} DROP COLUMN W`)
    await assert.rejects(driver.rows(`SELECT V FROM ${name}_S`), { code: '000904' })
    const columns = Object.keys((await driver.rows(`SELECT * FROM ${name}_S`))[0] ?? {})
    assert.deepEqual(columns.slice(0, 3), ['ID', 'RENAMED', 'METADATA$ACTION'])
  })

  test('follow views of projections, filters, inner joins and UNION ALL, and refuse others', async () => {
    const [a, b] = [await table(), await table()]
    const query = `SELECT x.ID, y.V FROM ${a} x JOIN ${b} AS y ON x.ID = y.ID WHERE x.ID < 10 UNION ALL SELECT ID + 100, V FROM ${a}`
    await server.createView(`V_${a}`, query)
    await assert.rejects(driver.rows(`CREATE STREAM V_S ON VIEW PUBLIC.V_${a}`), /Change tracking/)
    await server.run(`ALTER VIEW V_${a} SET CHANGE_TRACKING = TRUE`)
    await driver.rows(`CREATE OR REPLACE STREAM V_S ON VIEW PUBLIC.V_${a} SHOW_INITIAL_ROWS = TRUE`)
    assert.equal((await changes('V_S')).length, 4)
    await consume('V_S')
    await server.run(`UPDATE ${b} SET V = 'n' WHERE ID = 1`)
    await server.run(`DELETE FROM ${a} WHERE ID = 2`)
    assert.deepEqual(await changes('V_S'), [
      ['DELETE', 'TRUE', '1', 'a'],
      ['INSERT', 'TRUE', '1', 'n'],
      ['DELETE', 'FALSE', '2', 'b'],
      ['DELETE', 'FALSE', '102', 'b'],
    ])
    for (const sql of [
      `SELECT V, COUNT(*) AS n FROM ${a} GROUP BY V`,
      `SELECT DISTINCT V FROM ${a}`,
      `SELECT x.ID FROM ${a} x LEFT JOIN ${b} y ON x.ID = y.ID`,
      `SELECT ID FROM ${a} LIMIT 1`,
    ]) {
      await server.createView('BAD', sql)
      await assert.rejects(
        driver.rows('CREATE STREAM BAD_S ON VIEW PUBLIC.BAD'),
        /Change tracking is not supported/,
        sql,
      )
    }
  })

  test('applied one after the other give the table, whatever happened', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('insert' as const), id: fc.nat(6), v: fc.nat(3) }),
      fc.record({ kind: fc.constant('update' as const), id: fc.nat(6), v: fc.nat(3) }),
      fc.record({ kind: fc.constant('delete' as const), id: fc.nat(6), v: fc.nat(3) }),
      fc.record({ kind: fc.constant('consume' as const), id: fc.nat(1), v: fc.nat(3) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 15 }), async (steps) => {
        const name = await table()
        const stream = `${name}_S`
        await driver.rows(`CREATE STREAM ${stream} ON TABLE PUBLIC.${name} SHOW_INITIAL_ROWS = TRUE`)
        const copy = new Map<string, string>()
        const apply = async (isCommitted: boolean) => {
          await driver.rows('BEGIN')
          await driver.rows(`INSERT INTO ${stream}_READ SELECT ID FROM ${stream}`)
          const rows = await driver.texts(
            `SELECT METADATA$ACTION, METADATA$ROW_ID, ID || ':' || V FROM ${stream} ORDER BY 1`,
          )
          await driver.rows(isCommitted ? 'COMMIT' : 'ROLLBACK')
          if (!isCommitted) return
          for (const [action, id, row] of rows) {
            if (action === 'DELETE') assert.ok(copy.delete(String(id)))
            else copy.set(String(id), String(row))
          }
        }
        await driver.rows(`CREATE TABLE ${stream}_READ (ID INT)`)
        for (const { kind, id, v } of steps) {
          if (kind === 'insert') await server.run(`INSERT INTO ${name} VALUES (${id}, '${v}')`)
          else if (kind === 'update') await server.run(`UPDATE ${name} SET V = '${v}' WHERE ID = ${id}`)
          else if (kind === 'delete') await server.run(`DELETE FROM ${name} WHERE ID = ${id}`)
          else await apply(id === 1)
        }
        await apply(true)
        await apply(true)
        const rows = await driver.texts(`SELECT ID || ':' || V FROM PUBLIC.${name}`)
        assert.deepEqual([...copy.values()].toSorted(), rows.map(([row]) => String(row)).toSorted())
      }),
      { numRuns: 25, seed: 7 },
    )
  })
})
