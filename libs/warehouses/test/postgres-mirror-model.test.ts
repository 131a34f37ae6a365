import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import type { Value } from './collecting-sink.ts'
import { KeptInMemory } from './kept-in-memory.ts'
import { Replica } from './mirror-replica.ts'
import { type PostgresSource, requestFor, startSource } from './postgres-source.ts'

type Cells = [id: number | null, day: string | null, name: string | null, size: number | null, more: string | null]
type Step =
  | { readonly kind: 'insert'; readonly row: Cells }
  | { readonly kind: 'delete' | 'copy'; readonly at: number }
  | { readonly kind: 'set'; readonly at: number; readonly column: number; readonly row: Cells }
  | { readonly kind: 'many'; readonly count: number }
  | { readonly kind: 'few' }
  | { readonly kind: 'add_column' }
  | { readonly kind: 'run' }

const orNull = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null, freq: 3 })
const cells: fc.Arbitrary<Cells> = fc.tuple(
  orNull(fc.integer({ min: 0, max: 8 })),
  orNull(fc.constantFrom('2026-01-01', '2026-01-02', 'infinity', '-infinity')),
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
  { weight: 1, arbitrary: fc.integer({ min: 600, max: 3000 }).map((count): Step => ({ kind: 'many', count })) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ kind: 'few' }, { kind: 'add_column' }) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'run' }) },
)
const beforeColumns = [
  { name: 'name', sourceType: 'text', type: 'string' as const },
  { name: 'day', sourceType: 'date', type: 'date' as const },
]
const dayMs = 86_400_000
const firstOfMany = 1000
let histories = 0

/** A table in memory beside the one in the warehouse: the rows that must be at the destination after a run. */
class History {
  readonly name = `history_${++histories}`
  readonly #source: PostgresSource
  readonly #key: readonly string[]
  rows: Cells[] = []
  hasMore = false

  constructor(source: PostgresSource, key: readonly string[]) {
    this.#source = source
    this.#key = key
  }

  async play(steps: readonly Step[]): Promise<void> {
    const { admin, open } = this.#source
    await admin.query(`CREATE TABLE ${this.name} (id int, day date, name text, size float8)`)
    const kept = new KeptInMemory()
    const warehouse = open({}, {}, { kept: kept.reader })
    const replica = new Replica(
      warehouse,
      requestFor(this.name, {
        mode: 'mirror',
        before: beforeColumns,
        keep: kept.writer,
        identity: this.#key,
        chunkRows: 3,
      }),
    )
    for (const each of [...steps, { kind: 'run' as const }]) {
      if (each.kind === 'run') {
        await this.#store()
        const { plan } = await replica.run()
        assert.deepEqual([...replica.rows.values()].map(textOf).sort(), this.#expected().sort())
        assert.equal(plan.changes?.identicalRows, this.rows.length - replica.rows.size)
        assert.equal(plan.nextCursor?.pin.rows, replica.rows.size)
        assert.equal(kept.sets.size, 1)
      } else if (each.kind === 'add_column') {
        if (!this.hasMore) await admin.query(`ALTER TABLE ${this.name} ADD COLUMN more text`)
        this.hasMore = true
      } else this.#change(each)
    }
    await warehouse.close()
  }

  #change(each: Exclude<Step, { kind: 'add_column' | 'run' }>): void {
    if (each.kind === 'insert') this.#put(each.row)
    else if (each.kind === 'few') this.rows = this.rows.filter(([id]) => id === null || id < firstOfMany)
    else if (each.kind === 'many') {
      const taken = new Set(this.rows.map(([id]) => id))
      for (let n = 0; n < each.count; n++)
        if (!taken.has(firstOfMany + n)) this.rows.push([firstOfMany + n, null, `many ${n % 5}`, null, null])
    } else {
      const i = each.at % Math.max(1, this.rows.length)
      const row = this.rows[i]
      if (row === undefined) return
      if (each.kind === 'copy') this.#put([...row])
      else {
        this.rows.splice(i, 1)
        if (each.kind === 'set') this.#put(row.map((cell, c) => (c === each.column ? each.row[c] : cell)) as Cells)
      }
    }
  }

  /** With a key there is one row of it: a second one is left out, NULL being a key like others. */
  #put(row: Cells): void {
    const isTaken = (other: Cells) => other[0] === row[0] && (this.#key.length === 1 || other[1] === row[1])
    if (this.#key.length > 0 && this.rows.some(isTaken)) return
    this.rows.push(this.hasMore ? row : [row[0], row[1], row[2], row[3], null])
  }

  /** All rows anew, at other places than before. */
  async #store(): Promise<void> {
    const { admin } = this.#source
    await admin.query(`DELETE FROM ${this.name}`)
    const column = (i: number) => this.rows.map((row) => row[i] ?? null)
    const types = ['int', 'date', 'text', 'float8', 'text'].slice(0, this.hasMore ? 5 : 4)
    const arrays = types.map((type, i) => `$${i + 1}::${type}[]`)
    await admin.query(
      `INSERT INTO ${this.name} SELECT * FROM unnest(${arrays.join(', ')})`,
      types.map((_, i) => column(i)),
    )
  }

  #expected(): string[] {
    return [...new Set(this.rows.map((row) => textOf(valuesOf(row))))]
  }
}

const ends: Readonly<Record<string, number>> = { infinity: 0x7fffffff, '-infinity': -0x80000000 }

function valuesOf(row: readonly (string | number | null)[]): readonly Value[] {
  return row.map((cell, i) => {
    if (cell === null) return null
    if (i === 0) return BigInt(cell)
    return i === 1 ? (ends[cell] ?? Date.parse(String(cell)) / dayMs) : cell
  })
}

/** A row sent before a column was added has none; NULLs at the end are no values. */
function textOf(values: readonly Value[]): string {
  const end = values.findLastIndex((value) => value !== null) + 1
  return JSON.stringify(values.slice(0, end).map((value) => (typeof value === 'bigint' ? `${value}` : value)))
}

describe('any history of a mirrored table of Postgres', () => {
  let source: PostgresSource
  before(async () => {
    source = await startSource()
  })
  after(() => source.stop())

  for (const key of [[], ['id'], ['id', 'day']]) {
    it(`ends with what the table holds, after every run, ${key.length === 0 ? 'without a key' : `by ${key.join(', ')}`}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 20 }), (steps) =>
          new History(source, key).play(steps),
        ),
        { numRuns: 15, seed: 5 },
      )
    })
  }
})
