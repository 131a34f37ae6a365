import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type SnowflakeServer, startSnowflakeServer } from '@millrace/testkit/snowflake/snowflake-server.ts'
import { Driver, type Statement } from './snowflake-driver.ts'
import { pair } from './snowflake-keys.ts'

describe('the stand-in for Snowflake, by the unmodified driver', () => {
  let server: SnowflakeServer
  let driver: Driver
  before(async () => {
    server = await startSnowflakeServer({ limits: { inlineRows: 3, chunkRows: 10 } })
    await server.createTable('VISITS', 'ID NUMBER(38,0) PRIMARY KEY, NAME VARCHAR(100)')
    await server.run("INSERT INTO VISITS SELECT SEQ4(), 'n' || SEQ4()::VARCHAR FROM TABLE(GENERATOR(ROWCOUNT => 45))")
    driver = await Driver.connect(server)
  })
  after(async () => {
    await driver.close()
    await server.close()
  })

  test('an expired session token is renewed, and the query is sent again', async () => {
    const own = await Driver.connect(server)
    server.expireSessions()
    assert.deepEqual(await own.texts('SELECT COUNT(*) AS n FROM PUBLIC.VISITS'), [['45']])
    assert.ok(server.requests.includes('POST /session/token-request'))
    await own.close()
    await assert.rejects(own.rows('SELECT 1'))
  })

  test('results come in parts and in their order', async () => {
    const rows = await driver.texts('SELECT ID, NAME FROM PUBLIC.VISITS ORDER BY ID')
    assert.deepEqual(
      rows,
      Array.from({ length: 45 }, (_, i) => [String(i), `n${i}`]),
    )
    assert.ok(server.requests.filter((request) => request.startsWith('GET /chunks/')).length >= 5)
    assert.deepEqual(await driver.texts('SELECT ID FROM PUBLIC.VISITS WHERE ID < 0'), [])
  })

  test('values arrive as what they are', async () => {
    await server.createTable(
      'KINDS',
      'N NUMBER(38,10), I INT, F FLOAT, T VARCHAR, B BOOLEAN, D DATE, C TIME, NTZ TIMESTAMP_NTZ, LTZ TIMESTAMP_LTZ, TZ TIMESTAMP_TZ, V VARIANT, A ARRAY, O OBJECT, X BINARY, "mixed Case" VARCHAR',
    )
    await server.run(`INSERT INTO KINDS SELECT 1234567890123456789012345678.0123456789, 7, 0.1, 'it''s \\\\ \\u00e9', true, '1969-12-31',
      '12:34:56.789', '1969-12-31 23:59:59.999999', '2020-01-01 00:00:00 +01:00', '2020-01-01 10:00:00 -02:30',
      PARSE_JSON('{"a": [1, "x", null]}'), ARRAY_CONSTRUCT(1, 'x'), OBJECT_CONSTRUCT('k', 2), TO_BINARY('CAFE', 'HEX'), 'm'`)
    await server.run('INSERT INTO KINDS (I) VALUES (8)')
    const [row, nulls] = await driver.rows('SELECT * FROM PUBLIC.KINDS ORDER BY I', { fetchAsString: ['Number'] })
    assert.ok(row)
    assert.equal(row.N, '1234567890123456789012345678.0123456789')
    assert.equal(row.F, '0.1')
    assert.equal(row.T, "it's \\ é")
    assert.equal(row.B, true)
    assert.equal((row.D as Date).getTime(), -86_400_000)
    assert.equal(String(row.C), '12:34:56')
    assert.equal((row.NTZ as Date).getTime(), -1)
    assert.equal((row.LTZ as Date).toISOString(), '2019-12-31T23:00:00.000Z')
    assert.equal((row.TZ as Date).toISOString(), '2020-01-01T12:30:00.000Z')
    assert.equal(JSON.stringify(row.TZ), '"2020-01-01 10:00:00.000 -0230"')
    assert.deepEqual([row.V, row.A, row.O], [{ a: [1, 'x', null] }, [1, 'x'], { k: 2 }])
    assert.equal((row.X as Buffer).toString('hex'), 'cafe')
    assert.equal(row['mixed Case'], 'm')
    assert.deepEqual(
      Object.entries(nulls ?? {}).filter(([, value]) => value !== null),
      [['I', '8']],
    )
    const texts = `SELECT TO_VARCHAR(N), TO_JSON(V), V:a[1]::VARCHAR, A[0]::INT, DATE_PART(epoch_microsecond, TZ), BASE64_ENCODE(X),
      TO_VARCHAR(C, 'HH24:MI:SS.FF9'), DATEDIFF(day, DATE '1970-01-01', D), DATE_PART(epoch_microsecond, NTZ), SHA2(T), TO_JSON(O)
      FROM PUBLIC.KINDS WHERE I = 7`
    assert.deepEqual(await driver.texts(texts.replace('SHA2(T)', 'LENGTH(SHA2(T))')), [
      [
        '1234567890123456789012345678.0123456789',
        '{"a":[1,"x",null]}',
        'x',
        '1',
        '1577881800000000',
        'yv4=',
        '12:34:56.789000000',
        '-1',
        '-1',
        '64',
        '{"k":2}',
      ],
    ])
  })

  test('binds stand for ? and :1, and are values, not SQL', async () => {
    const found = await driver.texts('SELECT ID FROM PUBLIC.VISITS WHERE ID = ? AND NAME = ?', [5, 'n5'])
    assert.deepEqual(found, [['5']])
    assert.deepEqual(await driver.texts("SELECT :2 AS a, :1 AS b, 'x:1' AS c", ["it's; --", true]), [
      ['TRUE', "it's; --", 'x:1'],
    ])
    await assert.rejects(driver.rows('SELECT ?'), /Bind variable/)
  })

  test('a slow query is answered by where its result will be', async () => {
    const gate = Promise.withResolvers<void>()
    server.limits.waitMs = 20
    server.onQuery(() => gate.promise)
    const rows = driver.texts('SELECT COUNT(*) AS n FROM PUBLIC.VISITS')
    const asked = driver.rows('SELECT 1 AS one', { asyncExec: true })
    gate.resolve()
    assert.deepEqual(await rows, [['45']])
    server.limits.waitMs = 45_000
    server.onQuery(null)
    await asked
  })

  test('queries can be left to themselves and asked for later', async () => {
    const id = await new Promise<string>((resolve, reject) => {
      const complete = (error: unknown, statement: Statement) =>
        error ? reject(error) : resolve(statement.getQueryId())
      driver.connection.execute({ sqlText: 'SELECT 42 AS n', asyncExec: true, complete })
    })
    const rows = await new Promise<unknown[]>((resolve, reject) => {
      const complete = (error: unknown, _: Statement, found: unknown[]) => (error ? reject(error) : resolve(found))
      driver.connection.getResultsFromQueryId({ queryId: id, sqlText: '', complete })
    })
    assert.deepEqual(rows, [{ N: 42 }])
    assert.equal(await driver.connection.getQueryStatus(id), 'SUCCESS')
  })

  test('queries end when they are canceled, or at their time limit', async () => {
    const held = Promise.withResolvers<void>()
    server.onQuery(() => held.promise)
    const ended = new Promise<unknown>((resolve) => {
      const statement = driver.connection.execute({ sqlText: 'SELECT 1', complete: (error) => resolve(error) })
      const cancel = (): void =>
        statement.cancel((error) => {
          if (error) setImmediate(cancel)
        })
      cancel()
    })
    assert.equal(((await ended) as { code: string }).code, '000604')
    await assert.rejects(driver.rows('SELECT 1', { parameters: { STATEMENT_TIMEOUT_IN_SECONDS: 0.05 } }), {
      code: '000630',
    })
    server.onQuery(null)
    held.resolve()
    const long =
      'SELECT SUM(a.ID * b.ID * c.ID * d.ID * e.ID) AS s FROM PUBLIC.VISITS a, PUBLIC.VISITS b, PUBLIC.VISITS c, PUBLIC.VISITS d, PUBLIC.VISITS e, PUBLIC.VISITS f'
    await assert.rejects(driver.rows(long, { parameters: { STATEMENT_TIMEOUT_IN_SECONDS: 0.1 } }), { code: '000630' })
    assert.deepEqual(await driver.texts('SELECT 1 AS one'), [['1']])
  })

  test('what is wrong has its number and state', async () => {
    const cases: readonly (readonly [string, string, string])[] = [
      ['SELEC 1', '001003', '42000'],
      ['SELECT 1 FROM', '001003', '42000'],
      ['SELECT * FROM PUBLIC.NOPE', '002003', '42S02'],
      ['SELECT * FROM NODB.PUBLIC.VISITS', '002003', '02000'],
      ['SELECT nope FROM PUBLIC.VISITS', '000904', '42000'],
      ['SELECT NO_SUCH_FUNCTION(1)', '002140', '42601'],
      ['SELECT epoch_us(CURRENT_TIMESTAMP())', '002140', '42601'],
      ["SELECT 'abc'::NUMBER", '100038', '22018'],
      ['CREATE TABLE PUBLIC.MINE (A INT)', '003001', '42501'],
      ['DELETE FROM PUBLIC.VISITS', '003001', '42501'],
      ['DROP TABLE PUBLIC.VISITS', '003001', '42501'],
      ['ALTER TABLE PUBLIC.VISITS SET CHANGE_TRACKING = TRUE', '003001', '42501'],
      ['USE ROLE ACCOUNTADMIN', '003013', '42501'],
      ['DROP STREAM NOPE', '002003', '42S02'],
    ]
    for (const [sql, code, sqlState] of cases) await assert.rejects(driver.rows(sql), { code, sqlState }, sql)
    await driver.rows('CREATE TABLE ONCE (A INT)')
    await assert.rejects(driver.rows('CREATE TABLE ONCE (A INT)'), { code: '002002', sqlState: '42710' })
    await driver.rows('DROP TABLE ONCE')
  })

  test('a role sees and reads what it was granted', async () => {
    const { grants, role, database } = server
    await server.run('CREATE TABLE HIDDEN (A INT)')
    await assert.rejects(driver.rows('SELECT * FROM PUBLIC.HIDDEN'), { code: '002003' })
    const tables = `SELECT TABLE_NAME FROM ${database}.INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'HIDDEN'`
    assert.deepEqual(await driver.texts(tables), [])
    await server.grantSelect('PUBLIC.HIDDEN')
    assert.deepEqual(await driver.texts(tables), [['HIDDEN']])
    assert.deepEqual(await driver.texts('SELECT * FROM PUBLIC.HIDDEN'), [])
    grants.revoke(role, 'USAGE', 'SCHEMA', `${database}.PUBLIC`)
    await assert.rejects(driver.rows('SELECT * FROM PUBLIC.HIDDEN'), { code: '002003' })
    grants.grant(role, 'USAGE', 'SCHEMA', `${database}.PUBLIC`)
    grants.revoke(role, 'CREATE STREAM', 'SCHEMA', `${database}.MILLRACE`)
    await assert.rejects(driver.rows('CREATE STREAM S ON TABLE PUBLIC.HIDDEN'), { code: '003001' })
    grants.grant(role, 'CREATE STREAM', 'SCHEMA', `${database}.MILLRACE`)
    await assert.rejects(driver.rows('CREATE STREAM S ON TABLE PUBLIC.HIDDEN'), { code: '000707' })
    await server.createView('SAFE', 'SELECT A + 1 AS B FROM HIDDEN')
    grants.revoke(role, 'SELECT', 'TABLE', `${database}.PUBLIC.HIDDEN`)
    assert.deepEqual(await driver.texts('SELECT * FROM PUBLIC.SAFE'), [])
  })

  test('an administrator makes users, roles and grants by statements, also for what comes later', async () => {
    const key = pair()
    const { database } = server
    for (const sql of [
      'CREATE ROLE IF NOT EXISTS READER',
      `CREATE USER IF NOT EXISTS ANN TYPE = SERVICE RSA_PUBLIC_KEY = '${key.publicPem.replace(/-----[^-]+-----|\n/g, '')}' DEFAULT_ROLE = READER`,
      'GRANT ROLE READER TO USER ANN',
      'CREATE WAREHOUSE IF NOT EXISTS SMALL WITH WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE',
      'GRANT USAGE ON WAREHOUSE SMALL TO ROLE READER',
      `GRANT USAGE ON DATABASE ${database} TO ROLE READER`,
      `GRANT USAGE ON ALL SCHEMAS IN DATABASE ${database} TO ROLE READER`,
      `GRANT SELECT ON FUTURE TABLES IN DATABASE ${database} TO ROLE READER`,
      'CREATE TABLE LATER (A INT)',
    ])
      await server.run(sql)
    const login = { username: 'ANN', role: 'READER', warehouse: 'SMALL', authenticator: 'SNOWFLAKE_JWT' }
    const ann = await Driver.connect(server, { ...login, privateKey: key.pem })
    assert.deepEqual(await ann.texts('SELECT * FROM PUBLIC.LATER'), [])
    await assert.rejects(ann.rows('SELECT * FROM PUBLIC.VISITS'), { code: '002003' })
    await assert.rejects(ann.rows('GRANT SELECT ON TABLE PUBLIC.VISITS TO ROLE READER'), { code: '003001' })
    await server.run(`GRANT SELECT ON ALL TABLES IN DATABASE ${database} TO ROLE READER`)
    assert.deepEqual(await ann.texts('SELECT COUNT(*) AS n FROM PUBLIC.VISITS'), [['45']])
    await server.run('REVOKE SELECT ON TABLE PUBLIC.VISITS FROM ROLE READER')
    await assert.rejects(ann.rows('SELECT * FROM PUBLIC.VISITS'), { code: '002003' })
    await ann.close()
  })

  test('an account may forbid to unload to a URL', async () => {
    await server.run('ALTER ACCOUNT SET PREVENT_UNLOAD_TO_INLINE_URL = TRUE')
    const unload = "COPY INTO 's3://bucket/run/' FROM (SELECT 1 AS one)"
    await assert.rejects(driver.rows(unload), /Cannot unload to an inlined external location/)
    await server.run('ALTER ACCOUNT SET PREVENT_UNLOAD_TO_INLINE_URL = FALSE')
    await assert.rejects(driver.rows(unload), /Unsupported feature/)
  })

  test('reading rows needs a warehouse at work', async () => {
    const count = 'SELECT COUNT(*) FROM PUBLIC.VISITS'
    server.warehouseState({ state: 'SUSPENDED', autoResume: true })
    await driver.rows(count)
    server.warehouseState({ state: 'SUSPENDED', autoResume: false })
    await assert.rejects(driver.rows(count), { code: '000606', sqlState: '57P03' })
    await driver.rows('SELECT CURRENT_ROLE()')
    await driver.rows('SHOW TABLES')
    server.warehouseState({ state: 'SUSPENDED', autoResume: true, exhaustedMonitor: 'LIMITED' })
    await assert.rejects(driver.rows(count), { code: '090073' })
    server.warehouseState({ state: 'SUSPENDED', exhaustedMonitor: null })
    const other = await Driver.connect(server, { warehouse: 'NOPE' })
    assert.deepEqual(await other.texts('SELECT CURRENT_WAREHOUSE() AS w'), [[null]])
    await assert.rejects(other.rows(count), { code: '000606' })
    await other.rows(`USE WAREHOUSE ${server.warehouse}`)
    await other.rows(count)
    await other.close()
  })

  test('names without quotes are folded, names in quotes are not', async () => {
    await server.createTable('"Mixed"', '"a" INT, A INT, "sp ace" INT')
    await server.run('INSERT INTO "Mixed" VALUES (1, 2, 3)')
    assert.deepEqual(await driver.rows('SELECT "a", a, "sp ace" FROM public."Mixed"'), [{ a: 1, A: 2, 'sp ace': 3 }])
    await assert.rejects(driver.rows('SELECT * FROM PUBLIC.MIXED'), { code: '002003' })
    const columns = `SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_NAME = 'Mixed' ORDER BY ORDINAL_POSITION`
    assert.deepEqual(await driver.texts(columns), [['a'], ['A'], ['sp ace']])
  })

  test('the catalogue tells of tables, columns, keys and parameters', async () => {
    const [shown] = await driver.rows('SHOW PRIMARY KEYS IN TABLE PUBLIC.VISITS')
    assert.deepEqual([shown?.column_name, shown?.key_sequence], ['ID', 1])
    const types = `SELECT DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE, CHARACTER_MAXIMUM_LENGTH, IS_NULLABLE FROM INFORMATION_SCHEMA.COLUMNS
      WHERE TABLE_NAME = 'VISITS' ORDER BY ORDINAL_POSITION`
    assert.deepEqual(await driver.texts(types), [
      ['NUMBER', '38', '0', null, 'NO'],
      ['TEXT', null, null, '100', 'YES'],
    ])
    const described = await driver.rows('DESCRIBE TABLE PUBLIC.VISITS')
    assert.deepEqual(
      described.map(({ name, type }) => [name, type]),
      [
        ['ID', 'NUMBER(38,0)'],
        ['NAME', 'VARCHAR(100)'],
      ],
    )
    const [days] = await driver.rows("SHOW PARAMETERS LIKE 'MAX_DATA_EXTENSION_TIME_IN_DAYS' IN TABLE PUBLIC.VISITS")
    assert.equal(days?.value, '14')
    const [warehouse] = await driver.rows("SHOW WAREHOUSES LIKE 'MILLRACE%'")
    assert.equal(warehouse?.name, server.warehouse)
  })
})
