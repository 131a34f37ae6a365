import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { type BigQuerySource, field, requestFor, startSource } from './bigquery-source.ts'
import type { Value } from './collecting-sink.ts'
import { Replica } from './mirror-replica.ts'

type Cells = [id: number | null, day: string | null, name: string | null, size: number | null, more: string | null]
type Step =
  | { readonly kind: 'insert'; readonly row: Cells }
  | { readonly kind: 'delete' | 'copy'; readonly at: number }
  | { readonly kind: 'set'; readonly at: number; readonly column: number; readonly row: Cells }
  | { readonly kind: 'add_column' }
  | { readonly kind: 'run' }

const orNull = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null, freq: 3 })
const cells: fc.Arbitrary<Cells> = fc.tuple(
  orNull(fc.integer({ min: 0, max: 8 })),
  orNull(fc.constantFrom('2026-01-01', '2026-01-02', '2026-02-01')),
  orNull(fc.constantFrom('', 'n', 'nn', "it's", 'é')),
  orNull(fc.constantFrom(0, -0.5, 0.1, 1e300, 2 ** 53)),
  orNull(fc.constantFrom('a', 'b')),
)
const at = fc.nat({ max: 20 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: cells.map((row): Step => ({ kind: 'insert', row })) },
  { weight: 2, arbitrary: at.map((at): Step => ({ kind: 'delete', at })) },
  { weight: 1, arbitrary: at.map((at): Step => ({ kind: 'copy', at })) },
  {
    weight: 3,
    arbitrary: fc.record({ at, column: fc.nat({ max: 4 }), row: cells }).map((set): Step => ({ kind: 'set', ...set })),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'add_column' }) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'run' }) },
)
const fields = [field('id', 'INTEGER'), field('day', 'DATE'), field('name', 'STRING'), field('size', 'FLOAT')]
const beforeColumns = [
  { name: 'name', sourceType: 'STRING', type: 'string' as const },
  { name: 'day', sourceType: 'DATE', type: 'date' as const },
]
const dayMs = 86_400_000
let histories = 0

/** A table in memory beside the one in the warehouse: the rows that must be at the destination after a run. */
class History {
  readonly name = `history_${++histories}`
  readonly #source: BigQuerySource
  readonly #key: readonly string[]
  rows: Cells[] = []
  hasMore = false

  constructor(source: BigQuerySource, key: readonly string[]) {
    this.#source = source
    this.#key = key
  }

  async play(steps: readonly Step[], advance: (ms: number) => void): Promise<void> {
    const { server, warehouse } = this.#source
    await server.createTable('shop', this.name, fields, {
      timePartitioning: { type: 'DAY', field: 'day' },
      primaryKey: this.#key,
    })
    const replica = new Replica(
      warehouse,
      requestFor(this.name, { mode: 'mirror', before: beforeColumns, chunkRows: 3 }),
    )
    for (const each of [...steps, { kind: 'run' as const }]) {
      if (each.kind === 'run') {
        await this.#store()
        const { plan } = await replica.run()
        advance(dayMs)
        assert.deepEqual([...replica.rows.values()].map(textOf).sort(), this.#expected().sort())
        assert.equal(plan.changes?.identicalRows, this.rows.length - replica.rows.size)
      } else if (each.kind === 'add_column') {
        if (!this.hasMore) await server.addColumn('shop', this.name, field('more', 'STRING'))
        this.hasMore = true
      } else this.#change(each)
    }
  }

  #change(each: Exclude<Step, { kind: 'add_column' | 'run' }>): void {
    if (each.kind === 'insert') {
      this.#put(each.row)
      return
    }
    const i = each.at % Math.max(1, this.rows.length)
    const row = this.rows[i]
    if (row === undefined) return
    if (each.kind === 'copy') this.#put([...row])
    else {
      this.rows.splice(i, 1)
      if (each.kind === 'set') this.#put(row.map((cell, c) => (c === each.column ? each.row[c] : cell)) as Cells)
    }
  }

  /** With a key there is one row of it: a second one is left out, NULL being a key like others. */
  #put(row: Cells): void {
    if (this.#key.length > 0 && this.rows.some((other) => other[0] === row[0])) return
    this.rows.push(this.hasMore ? row : [row[0], row[1], row[2], row[3], null])
  }

  /** One change of the whole table: partitions that have the same rows before and after were not changed. */
  async #store(): Promise<void> {
    const values = this.rows.map(
      (row) =>
        `(${row
          .slice(0, this.hasMore ? 5 : 4)
          .map(literal)
          .join(', ')})`,
    )
    const insert = values.length === 0 ? '' : `INSERT INTO $table VALUES ${values.join(', ')}`
    await this.#source.server.change('shop', this.name, `DELETE FROM $table; ${insert}`)
  }

  #expected(): string[] {
    return [...new Set(this.rows.map((row) => textOf(valuesOf(this.hasMore ? row : row.slice(0, 4)))))]
  }
}

function valuesOf(row: readonly (string | number | null)[]): readonly Value[] {
  return row.map((cell, i) => {
    if (cell === null) return null
    if (i === 0) return BigInt(cell)
    return i === 1 ? Date.parse(String(cell)) / dayMs : cell
  })
}

/** A row sent before a column was added has none; NULLs at the end are no values. */
function textOf(values: readonly Value[]): string {
  const end = values.findLastIndex((value) => value !== null) + 1
  return JSON.stringify(values.slice(0, end).map((value) => (typeof value === 'bigint' ? `${value}` : value)))
}

function literal(cell: string | number | null): string {
  if (cell === null) return 'NULL'
  return typeof cell === 'number' ? String(cell) : `'${cell.replaceAll("'", "''")}'`
}

describe('any history of a mirrored table of BigQuery', () => {
  let source: BigQuerySource
  let ahead = 0
  before(async () => {
    source = await startSource({ now: () => Date.now() + ahead })
  })
  after(() => source.stop())

  for (const key of [[], ['id'], ['id', 'day']]) {
    it(`ends with what the table holds, after every run, ${key.length === 0 ? 'without a key' : `by ${key.join(', ')}`}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 20 }), async (steps) => {
          await new History(source, key).play(steps, (ms) => {
            ahead += ms
          })
        }),
        { numRuns: 12, seed: 5 },
      )
    })
  }
})
