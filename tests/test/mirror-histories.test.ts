import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ColumnType } from '@millrace/domain/row-schema.ts'
import fc from 'fast-check'
import { expectedRun } from '../src/mirror/expected-run.ts'
import { emptyTable, historyArbitrary } from '../src/mirror/history-arbitrary.ts'
import { identityText, type ModelTable, rowText } from '../src/mirror/model-table.ts'
import { firstRows, playCommands } from '../src/mirror/play-commands.ts'

const types: readonly ColumnType[] = [
  'boolean',
  'integer',
  'double',
  'decimal',
  'string',
  'json',
  'bytes',
  'timestamp',
  'date',
]
const arbitrary = historyArbitrary({ types, hasNul: true })
const context = { importId: 'i', warehouse: 'bigquery', decimalText: (text: string) => text } as const

/** The table of each history before every run. */
const tablesOf = (seed: number, histories: number) =>
  fc.sample(arbitrary, { seed, numRuns: histories }).map(({ shape, rows, rounds }, n) => {
    const tables: ModelTable[] = [firstRows(shape, emptyTable(shape, `h${n}`), rows).table]
    for (const commands of rounds) tables.push(playCommands(shape, tables.at(-1)!, commands).table)
    return { shape, tables }
  })

describe('the histories of verify:mirror', () => {
  test('are the same for a seed, however many are asked for', () => {
    const few = fc.sample(arbitrary, { seed: 7, numRuns: 20 })
    assert.deepEqual(fc.sample(arbitrary, { seed: 7, numRuns: 60 }).slice(0, 20), few)
    assert.notDeepEqual(fc.sample(arbitrary, { seed: 8, numRuns: 20 }), few)
  })

  test('never give different rows one key, of which a warehouse would have to choose', () => {
    for (const { tables } of tablesOf(1, 300)) {
      for (const table of tables.filter(({ key }) => key.length > 0)) {
        const rows = Map.groupBy(table.rows, (row) => identityText(table, row))
        for (const same of rows.values()) assert.equal(new Set(same.map(rowText)).size, 1)
      }
    }
  })

  test('meet everything that can happen to a row, many times in 200', () => {
    const met: Record<string, number> = {}
    const meet = (what: string, times: number) => {
      met[what] = (met[what] ?? 0) + times
    }
    for (const { shape, tables } of tablesOf(7, 200)) {
      meet(`${shape.sync.tableType} ${shape.key.length > 0 ? 'with' : 'without'} a key`, 1)
      meet(
        'emptied',
        Number(tables.some(({ rows }, n) => rows.length === 0 && n > 0 && tables[n - 1]!.rows.length > 0)),
      )
      meet('columns added', tables.at(-1)!.columns.length - shape.columns.length)
      tables.forEach((table, n) => {
        const run = expectedRun(tables[n - 1] ?? null, table, shape.sync, context)
        for (const [what, times] of Object.entries(run.found)) meet(what, times)
        meet('identical', run.identical)
        meet('rejected', run.rejected)
        meet('filtered', run.filtered)
        if (n > 0) meet('nothing', Number(Object.values(run.found).every((times) => times === 0)))
      })
    }
    for (const [what, times] of Object.entries(met)) assert.ok(times >= 10, `${what}: ${times}`)
    assert.equal(Object.keys(met).length, 15, JSON.stringify(met))
  })
})
