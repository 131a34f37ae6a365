import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { readNames } from '@millrace/warehouses/set-up/set-up-guide.ts'
import type { FoundTable, TableColumn } from '@millrace/warehouses/snowflake/catalog.ts'
import { catalogStatements } from '@millrace/warehouses/snowflake/catalog-statements.ts'
import {
  cloneStreamStatement,
  consumeStatement,
  countStatement,
  initialStreamStatement,
  streamAtStatement,
} from '@millrace/warehouses/snowflake/mirror-statements.ts'
import { snowflakeSetUp } from '@millrace/warehouses/snowflake/set-up-steps.ts'
import {
  identicalStatement,
  leftOutStatement,
  overlapStatement,
  previewStatement,
  readStatement,
  setAsideStatement,
  sizeStatement,
} from '@millrace/warehouses/snowflake/statements.ts'
import { ruleOf, sourceTypeOf } from '@millrace/warehouses/snowflake/types.ts'

const folder = new URL('../src/snowflake/golden/', import.meta.url)

function column(name: string, type: string, precision: number | null = null, scale: number | null = null): TableColumn {
  const rule = ruleOf({ type, precision, scale })
  assert.ok(rule, type)
  return { name, sourceType: sourceTypeOf({ type, precision, scale }), nullable: true, rule }
}

const database = 'ANALYTICS'
const table = { schema: 'SHOP', name: 'visits "v"' }
const inserted = column('inserted at', 'TIMESTAMP_LTZ')
const columns: readonly TableColumn[] = [
  column('ID', 'NUMBER', 18, 0),
  inserted,
  column('BIG', 'NUMBER', 38, 0),
  column('PRICE', 'NUMBER', 12, 2),
  ...[
    'FLOAT',
    'TEXT',
    'BINARY',
    'BOOLEAN',
    'DATE',
    'TIME',
    'TIMESTAMP_NTZ',
    'TIMESTAMP_TZ',
    'VARIANT',
    'ARRAY',
    'OBJECT',
  ].map((type) => column(`A_${type}`, type)),
]
const own = (name: string) => ({ schema: 'MILLRACE', name })
const results = own('RUN_01900000000070008000000000000001_0123456789ABCDEF')
const stream = own('STREAM_01900000000070008000000000000001_0123456789ABCDEF')
const last = own('STREAM_01900000000070008000000000000000_0123456789ABCDEF')
const initial = own('INITIAL_01900000000070008000000000000001_0123456789ABCDEF')
const lo = '2026-11-23 23:00:00.000001'
const songs = [
  column('ID', 'NUMBER', 18, 0),
  column('NAME', 'TEXT'),
  column('AT', 'TIMESTAMP_NTZ'),
  column('SCORE', 'FLOAT'),
]
const found: FoundTable = { table, kind: 'table', createdAt: '1', columns: songs, key: ['ID'] }

const texts: Readonly<Record<string, string>> = {
  'set-aside-full.sql': setAsideStatement(database, table, columns, null, results),
  'set-aside-append.sql': setAsideStatement(database, table, [inserted], { column: inserted, from: lo }, results),
  'set-aside-append-first-run.sql': setAsideStatement(
    database,
    table,
    [inserted],
    { column: inserted, from: null },
    results,
  ),
  'set-aside-append-by-date.sql': setAsideStatement(
    database,
    table,
    [column('DAY', 'DATE')],
    { column: column('DAY', 'DATE'), from: '2026-11-23 00:00:00.000000' },
    results,
  ),
  'size.sql': sizeStatement(database, results, 1),
  'left-out.sql': leftOutStatement(database, table, inserted),
  'overlap.sql': overlapStatement(database, results, { position: 1, columns: 2, lo: 5n, after: 7n, distinct: true }),
  'identical.sql': identicalStatement(database, results, 2),
  'preview.sql': previewStatement(database, table, songs, 50),
  'read-rows.sql': readStatement(database, results, ['c0', 'c1'], { from: 1, to: 250_000 }),
  'read-changes.sql': readStatement(database, results, ['op', 'id', 'b0', 'c0'], { from: 1, to: 10 }),
  'mirror-initial-stream.sql': initialStreamStatement({ database, stream: initial }, found),
  'mirror-stream-after-initial.sql': streamAtStatement({ database, stream }, found, initial),
  'mirror-next-stream.sql': cloneStreamStatement({ database, stream }, last),
  'mirror-view-stream.sql': initialStreamStatement({ database, stream: initial }, { ...found, kind: 'view' }),
  'mirror-consume-keyed.sql': consumeStatement(
    { database, stream, columns: songs, identity: [0], before: [2, 1] },
    results,
  ),
  'mirror-consume-keyless.sql': consumeStatement(
    { database, stream, columns: songs, identity: [], before: [2, 1] },
    results,
  ),
  'mirror-count.sql': countStatement(database, results),
  'catalog-schemas.sql': catalogStatements.schemas(database),
  'catalog-tables.sql': catalogStatements.tables(database, 'SHOP'),
  'catalog-table.sql': catalogStatements.table(database, table),
  'catalog-columns.sql': catalogStatements.columns(database, table),
  'catalog-primary-keys.sql': catalogStatements.primaryKeys(database, table),
  'catalog-staged.sql': catalogStatements.staged(database, 'MILLRACE', 'RUN_1_'),
  'catalog-streams.sql': catalogStatements.streams(database, 'MILLRACE', 'STREAM_1_'),
  'running.sql': catalogStatements.running(database, 'millrace:1'),
  'cancel.sql': catalogStatements.cancel('01ab2c3d-0000-0001-0000-000000000001'),
  'set-up-key-pair.txt': setUp({ database: 'analytics', schema: 'SHOP', table: 'visits "v"' }),
  'set-up-password.txt': setUp({ database: 'analytics', user: 'mill@example.com', authentication: 'password' }),
}

function setUp(asked: Readonly<Record<string, string>>): string {
  const answer = readNames(snowflakeSetUp, asked)
  assert.ok(answer.ok, JSON.stringify(answer))
  return snowflakeSetUp
    .steps(answer.names, {})
    .map(({ id, title, check, run, statements }) =>
      [`-- ${id}: ${title} [${run}] (${check ?? 'no check'})`, ...statements.map(({ text }) => `${text};`)].join('\n'),
    )
    .join('\n\n')
}

for (const [name, text] of Object.entries(texts)) {
  test(`the statement ${name} is the one that was agreed on`, () => {
    const file = new URL(name, folder)
    if (process.env.MILLRACE_WRITE_GOLDEN === '1') writeFileSync(file, `${text}\n`)
    assert.equal(`${text}\n`, readFileSync(file, 'utf8'))
  })
}
