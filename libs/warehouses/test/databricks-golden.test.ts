import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { catalogStatements } from '@millrace/warehouses/databricks/catalog-statements.ts'
import { quoteTable } from '@millrace/warehouses/databricks/identifiers.ts'
import { changeCountStatement, changesStatement } from '@millrace/warehouses/databricks/mirror-statements.ts'
import { databricksOptions } from '@millrace/warehouses/databricks/options.ts'
import { databricksSetUp } from '@millrace/warehouses/databricks/set-up-steps.ts'
import {
  atVersion,
  identicalStatement,
  leftOutStatement,
  overlapStatement,
  previewStatement,
  rowsStatement,
  sizeStatement,
} from '@millrace/warehouses/databricks/statements.ts'
import { durationMs } from '@millrace/warehouses/databricks/table-versions.ts'
import { ruleOf, typeRules } from '@millrace/warehouses/databricks/types.ts'
import { readNames } from '@millrace/warehouses/set-up/set-up-guide.ts'

const table = quoteTable('main', { schema: "shop's", name: 'or`ders' })
const columns = (Object.keys(typeRules) as (keyof typeof typeRules)[]).map((rule) => ({ name: `a_${rule}`, rule }))
const at = columns.find(({ rule }) => rule === 'timestamp')!
const from = '2024-01-01 00:00:00.000001'
const reading = { from: atVersion(table, 12), columns, range: { column: at, from, to: '2024-01-02 00:00:00.000000' } }
const few = columns.filter(({ rule }) => rule === 'integer' || rule === 'string')
const mirror = { table, columns: few, identity: [], before: [1], start: 7, end: 12 }
const ref = { schema: "shop's", name: 'or`ders' }

const statements: Readonly<Record<string, string>> = {
  rows: rowsStatement(reading, { part: 1, of: 4 }),
  preview: previewStatement({ ...reading, range: null }, 20),
  size: sizeStatement(reading),
  'left-out': leftOutStatement(reading.from, at),
  identical: identicalStatement({ ...reading, columns: few, range: null }),
  overlap: overlapStatement({ ...reading, columns: few }, { position: 0, lo: 5n, after: 3n, distinct: true }),
  'first-changes': changesStatement({ ...mirror, start: null }, { part: 0, of: 1 }),
  changes: changesStatement({ ...mirror, identity: [0] }, { part: 1, of: 2 }),
  'changes-without-key': changesStatement(mirror, { part: 0, of: 1 }),
  'change-count': changeCountStatement(mirror),
  catalog: [
    catalogStatements.schemas('main'),
    catalogStatements.describe('main', ref),
    catalogStatements.key('main', ref),
  ].join(';\n'),
}

describe('statements of Databricks', () => {
  for (const [name, sql] of Object.entries(statements)) {
    it(`${name} is src/databricks/golden/${name}.sql`, () => {
      const file = new URL(`../src/databricks/golden/${name}.sql`, import.meta.url)
      if (process.env.MILLRACE_WRITE_GOLDEN === '1') writeFileSync(file, `${sql}\n`)
      assert.equal(`${sql}\n`, readFileSync(file, 'utf8'))
    })
  }
})

describe('options of Databricks', () => {
  const good = {
    host: 'adb-1234567890123456.7.azuredatabricks.net',
    httpPath: 'sql/protocolv1/o/1234567890123456/0123-456789-abcdefgh',
    catalog: 'main',
  }
  const problems = (options: object, secrets: readonly string[] = ['accessToken']) =>
    databricksOptions.problems(options, secrets).map(({ path, message }) => `${path} ${message}`)

  it('take hosts of Databricks and nothing that looks like one', () => {
    for (const host of ['dbc-a1b2345c-d6e7.cloud.databricks.com', '1234567890123456.7.gcp.databricks.com', good.host])
      assert.deepEqual(problems({ ...good, host }), [])
    for (const host of [
      '127.0.0.1',
      'cloud.databricks.com',
      'evil.com/.cloud.databricks.com',
      'x.cloud.databricks.com.evil.com',
      'x.cloud.databricks.com:8443',
      'user@x.cloud.databricks.com',
      'https://x.cloud.databricks.com',
      'X.CLOUD.databricks.com',
      'x.cloud.databricks.com\n',
      'xazuredatabricks.net',
    ])
      assert.deepEqual(problems({ ...good, host }), ['/host has another form'], host)
  })

  it('take the path of a cluster, and say that a SQL warehouse is not supported', () => {
    assert.deepEqual(problems({ ...good, httpPath: '/sql/1.0/warehouses/0123456789abcdef' }), [
      '/httpPath is that of a SQL warehouse, which is not supported',
    ])
    assert.deepEqual(problems({ ...good, httpPath: '/sql/protocolv1/o/1/../x' }), ['/httpPath has another form'])
  })

  it('take a token or a service principal, and not both', () => {
    assert.deepEqual(problems(good, ['clientId', 'clientSecret']), [])
    assert.deepEqual(problems(good, []), ['/secrets are missing'])
    assert.deepEqual(problems(good, ['clientId']), ['/secrets/clientSecret is missing'])
    assert.deepEqual(problems(good, ['accessToken', 'clientId']), [
      '/secrets/accessToken excludes clientId and clientSecret',
    ])
    assert.deepEqual(problems({ ...good, password: 'x' }), ['/password is not known'])
  })
})

describe('the set-up of Databricks', () => {
  it('gives the guide’s statements with the names filled in', () => {
    const asked = { catalog: 'main', applicationId: 'a1b2-c3', schema: 'shop', table: 'orders' }
    const answer = readNames(databricksSetUp, asked)
    assert.ok(answer.ok)
    const steps = databricksSetUp.steps(answer.names, {})
    assert.deepEqual(
      steps.map(({ id }) => id),
      ['authentication', 'compute', 'read-data', 'any-file', 'change-data-feed'],
    )
    assert.deepEqual(
      steps.flatMap(({ statements: each }) =>
        each.filter(({ language }) => language === 'sql').map(({ text }) => text),
      ),
      [
        'GRANT USE CATALOG ON CATALOG `main` TO `a1b2-c3`;',
        'GRANT USE SCHEMA, SELECT ON SCHEMA `main`.`shop` TO `a1b2-c3`;',
        'GRANT SELECT ON ANY FILE TO `a1b2-c3`;',
        'ALTER TABLE `main`.`shop`.`orders` SET TBLPROPERTIES (delta.enableChangeDataFeed = true);',
      ],
    )
  })
})

describe('types and durations of Databricks', () => {
  it('types go by their first word, and what cannot be read is refused', () => {
    assert.equal(ruleOf('decimal(38,9)'), 'decimal')
    assert.equal(ruleOf('array<struct<a:int>>'), 'nested')
    assert.equal(ruleOf('string collate UTF8_LCASE'), 'string')
    for (const type of ['void', 'geography(4326)', 'geometry(0)', 'object', '']) assert.equal(ruleOf(type), null)
  })

  it('retention is read in the units that Delta prints', () => {
    assert.equal(durationMs(undefined), 30 * 86_400_000)
    assert.equal(durationMs('interval 1 week 2 hours'), 7 * 86_400_000 + 2 * 3_600_000)
    assert.equal(durationMs('INTERVAL 40 DAYS'), 40 * 86_400_000)
    assert.equal(durationMs('interval 1 fortnight'), null)
  })
})
