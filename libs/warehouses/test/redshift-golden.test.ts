import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { TableColumn } from '@millrace/warehouses/redshift/catalog.ts'
import { catalogStatements } from '@millrace/warehouses/redshift/catalog-statements.ts'
import { changeFiles, rowFiles } from '@millrace/warehouses/redshift/file-contents.ts'
import { countStatement, diffStatement, snapshotStatement } from '@millrace/warehouses/redshift/mirror-statements.ts'
import {
  identicalStatement,
  leftOutStatement,
  overlapStatement,
  previewStatement,
  setAsideStatement,
  sizeStatement,
} from '@millrace/warehouses/redshift/statements.ts'
import { ruleOf } from '@millrace/warehouses/redshift/types.ts'
import { unloadStatement } from '@millrace/warehouses/redshift/unload.ts'

const folder = new URL('../src/redshift/golden/', import.meta.url)

function column(name: string, sourceType: string): TableColumn {
  const rule = ruleOf(sourceType)
  assert.ok(rule, sourceType)
  return { name, sourceType, nullable: true, rule }
}

const inserted = column('inserted at', 'timestamp with time zone')
const columns: readonly TableColumn[] = [
  column('id', 'bigint'),
  inserted,
  ...[
    'boolean',
    'smallint',
    'real',
    'double precision',
    'numeric(12,2)',
    'character varying(256)',
    'character(8)',
    'date',
    'timestamp without time zone',
    'time without time zone',
    'time with time zone',
    'super',
  ].map((type) => column(`a ${type}`, type)),
]
const rules = columns.map(({ rule }) => rule)
const table = { schema: 'shop', name: 'visits "v"' }
const staged = (name: string) => ({ schema: 'millrace', name })
const results = staged('run_01900000000070008000000000000001_0123456789abcdef')
const snapshot = staged('snapshot_a_b_0123456789abcdef')
const last = staged('snapshot_a_a_0123456789abcdef')
const lo = '2026-11-23 23:00:00.000001'
const place = 's3://bucket/millrace/run/0-0/'
const iamRole = 'arn:aws:iam::123456789012:role/unload'
const songs = [
  column('id', 'integer'),
  column('name', 'character varying(40)'),
  column('at', 'timestamp without time zone'),
]
const keyed = { table, columns: songs, identity: [0], before: [2, 1] }
const keyless = { table, columns: songs, identity: [], before: [1] }
const songRules = songs.map(({ rule }) => rule)

/** Every statement that is run in a customer's Redshift; set UPDATE_GOLDEN=1 to write them after a wanted change. */
const statements: Readonly<Record<string, string>> = {
  'catalog-schemas': catalogStatements.schemas,
  'catalog-tables': catalogStatements.tables('shop'),
  'catalog-table': catalogStatements.table(table),
  'catalog-columns': catalogStatements.columns('100123'),
  'catalog-late-binding-view': catalogStatements.lateColumns(table),
  'catalog-staged': catalogStatements.staged('millrace', 'run_01900000000070008000000000000001_'),
  'set-aside-full': setAsideStatement(table, columns, null, results),
  'set-aside-append-first-run': setAsideStatement(table, songs, { column: inserted, from: null }, results),
  'set-aside-append': setAsideStatement(table, songs, { column: inserted, from: lo }, results),
  'set-aside-append-by-date': setAsideStatement(table, songs, { column: columns[9]!, from: lo }, results),
  size: sizeStatement(results, 1),
  overlap: overlapStatement(results, songRules, { position: 2, lo: 5n, after: 3n, distinct: true }),
  'left-out': leftOutStatement(table, inserted),
  identical: identicalStatement(results, songRules),
  preview: previewStatement(table, columns, 20),
  'unload-rows': unloadStatement({ ...rowFiles(results, rules, 10), place, iamRole }),
  'unload-changes': unloadStatement({
    ...changeFiles(results, songRules, [songRules[1]!], 10),
    place,
    iamRole: 'default',
  }),
  'mirror-first-run': diffStatement({ ...keyed, last: null }, results),
  'mirror-keyed': diffStatement({ ...keyed, last }, results),
  'mirror-keyless': diffStatement({ ...keyless, last }, results),
  'mirror-count': countStatement(results),
  'mirror-snapshot-first-run': snapshotStatement({ ...keyed, last: null }, results, snapshot),
  'mirror-snapshot': snapshotStatement({ ...keyed, last }, results, snapshot),
}

for (const [name, sql] of Object.entries(statements)) {
  test(`the statement ${name} for Redshift is golden/${name}.sql`, () => {
    const file = new URL(`${name}.sql`, folder)
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, `${sql};\n`)
    assert.equal(`${sql};\n`, readFileSync(file, 'utf8'))
  })
}

test('a mirror of 300 columns fits into a statement of the Data API, which has 100 KB', () => {
  const many = Array.from({ length: 300 }, (_, i) => column(`column ${i}`, 'character varying(256)'))
  const sql = diffStatement({ table, columns: many, identity: [0], before: [1, 2, 3, 4], last }, results)
  assert.ok(Buffer.byteLength(sql) < 100_000, String(Buffer.byteLength(sql)))
})
