import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import type { FoundTable, TableColumn } from '@millrace/warehouses/bigquery/catalog.ts'
import { quoteTable } from '@millrace/warehouses/bigquery/identifiers.ts'
import {
  countsStatement,
  diffStatement,
  partitionsStatement,
  snapshotStatement,
} from '@millrace/warehouses/bigquery/mirror-statements.ts'
import {
  identicalStatement,
  latestStatement,
  nowStatement,
  overlapStatement,
  previewStatement,
  readStatement,
} from '@millrace/warehouses/bigquery/statements.ts'
import { type ApiField, ruleOf, sourceTypeOf } from '@millrace/warehouses/bigquery/types.ts'

const project = 'my-project-123'
const folder = new URL('../src/bigquery/golden/', import.meta.url)

function column(field: ApiField): TableColumn {
  const rule = ruleOf(field)
  assert.ok(rule)
  return { name: field.name, sourceType: sourceTypeOf(field), nullable: true, rule }
}

const inserted = column({ name: 'inserted at', type: 'TIMESTAMP' })
const columns: FoundTable['columns'] = [
  column({ name: 'id', type: 'INTEGER' }),
  inserted,
  ...[
    'BOOLEAN',
    'FLOAT',
    'NUMERIC',
    'STRING',
    'BYTES',
    'DATE',
    'DATETIME',
    'TIME',
    'JSON',
    'GEOGRAPHY',
    'INTERVAL',
    'RANGE',
  ].map((type) => column({ name: `a_${type.toLowerCase()}`, type })),
  column({ name: 'items', type: 'RECORD', mode: 'REPEATED', fields: [{ name: 'sku', type: 'STRING' }] }),
]
const rules = columns.map(({ rule }) => rule)
const quotedTable = quoteTable(project, { schema: 'shop', name: 'visits' })
const results = quoteTable(project, { schema: 'millrace', name: 'millrace_run_read_0' })
const origin = { quotedTable, at: '2026-11-24 23:00:00.123456' }
const lo = '2026-11-23 23:00:00.000001'
const hi = '2026-11-24 22:59:59.999999'

const snapshot = quoteTable(project, { schema: 'millrace', name: 'millrace_run_snapshot_0' })
const lastSnapshot = quoteTable(project, { schema: 'millrace', name: 'millrace_last_snapshot_0' })
const present = { quotedTable: snapshot, columns, key: [] }

/** Every statement that is run in a customer's BigQuery; set UPDATE_GOLDEN=1 to write them after a wanted change. */
const statements: Readonly<Record<string, string>> = {
  now: nowStatement,
  'latest-first-run': latestStatement(origin, inserted, null),
  'latest-next-run': latestStatement(origin, inserted, lo),
  'read-full': readStatement(origin, columns, null, results),
  'read-append': readStatement(origin, columns, { column: inserted, from: lo, hi }, results),
  'read-append-by-date': readStatement(origin, columns.slice(0, 2), { column: columns[7]!, from: lo, hi }, results),
  'read-view': readStatement(
    { quotedTable, at: null },
    columns.slice(0, 2),
    { column: inserted, from: null, hi },
    results,
  ),
  preview: previewStatement({ quotedTable, at: null }, columns.slice(0, 2), 3, 20),
  identical: identicalStatement(results, rules),
  'mirror-snapshot': snapshotStatement(origin, snapshot),
  'mirror-first-run': diffStatement({ now: present, old: null, before: [], filter: null }, results),
  'mirror-diff': diffStatement(
    {
      now: present,
      old: { quotedTable: lastSnapshot, columns: columns.slice(0, 9), key: [] },
      before: ['id', 'a_date'],
      filter:
        "(`inserted at` >= TIMESTAMP '2026-11-23 00:00:00.000000+00' AND `inserted at` < TIMESTAMP '2026-11-25 00:00:00.000000+00')",
    },
    results,
  ),
  'mirror-diff-by-key': diffStatement(
    {
      now: { ...present, columns: columns.slice(0, 2), key: ['id'] },
      old: { quotedTable: lastSnapshot, columns: columns.slice(0, 2), key: ['id'] },
      before: ['inserted at'],
      filter: null,
    },
    results,
  ),
  'mirror-counts': countsStatement(results),
  'mirror-partitions': partitionsStatement(project, 'shop', 'visits'),
  overlap: overlapStatement(results, rules, { position: 1, lo: 5n, after: 7n, distinct: true }),
}

for (const [name, sql] of Object.entries(statements)) {
  test(`the statement ${name} is the one that was agreed on`, () => {
    const file = new URL(`${name}.sql`, folder)
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(file, `${sql}\n`)
    assert.equal(readFileSync(file, 'utf8'), `${sql}\n`)
  })
}
