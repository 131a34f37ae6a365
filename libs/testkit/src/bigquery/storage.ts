import { type DuckDBConnection, DuckDBInstance, type DuckDBResultReader } from '@duckdb/node-api'
import { ApiError, invalidQuery, notFound } from './api-error.ts'
import { duckType, type Field, fieldOf } from './rest-values.ts'
import { translate } from './sql-text.ts'

export type TableOptions = {
  readonly timePartitioning?: { readonly type: 'DAY'; readonly field?: string }
  readonly requirePartitionFilter?: boolean
  readonly primaryKey?: readonly string[]
}

/** A table or view of the stand-in. Each change makes a version, so that tables can be read as they were. */
export type StoredTable = {
  readonly dataset: string
  readonly name: string
  readonly fields: readonly Field[]
  readonly options: TableOptions
  readonly view: string | null
  versions: readonly { readonly at: bigint; readonly physical: string; readonly rows: number; readonly bytes: number }[]
  expiresAt: number | null
}

/** How far back tables can be read: https://cloud.google.com/bigquery/docs/time-travel */
const travelMicros = 7n * 86_400_000_000n

const macros = [
  `CREATE MACRO bq_text(x) AS CASE WHEN starts_with(typeof(x), 'DECIMAL') AND contains(x::VARCHAR, '.')
     THEN rtrim(rtrim(x::VARCHAR, '0'), '.') ELSE x::VARCHAR END`,
  "CREATE MACRO UNIX_DATE(d) AS (d - DATE '1970-01-01')",
  'CREATE MACRO TO_JSON_STRING(x) AS to_json(x)::VARCHAR',
  'CREATE MACRO bq_timestamp(x) AS make_timestamp(epoch_us(x))',
  // For wildcard-tables.ts.
  'CREATE MACRO bq_parse_date(form, text) AS try_strptime(text, form)::DATE',
  'CREATE MACRO bq_json_object(keys, items) AS to_json(map(keys, items))',
]

/** Datasets and tables of the stand-in on DuckDB. Statements run one after the other. */
export class Storage {
  readonly tables = new Map<string, StoredTable>()
  readonly datasets = new Map<string, { readonly location: string }>()
  readonly #instance: DuckDBInstance
  readonly #db: DuckDBConnection
  readonly #now: () => number
  #last = 0n
  #serial = 0
  #queue: Promise<unknown> = Promise.resolve()

  private constructor(instance: DuckDBInstance, db: DuckDBConnection, now: () => number) {
    this.#instance = instance
    this.#db = db
    this.#now = now
  }

  static async open(now: () => number): Promise<Storage> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    const db = await instance.connect()
    const storage = new Storage(instance, db, now)
    for (const macro of macros) await db.run(macro)
    return storage
  }

  close(): void {
    this.#db.closeSync()
    this.#instance.closeSync()
  }

  /** Microseconds that never repeat: what is done after a reading of the clock is later than it. */
  clock(): bigint {
    const present = BigInt(this.#now()) * 1000n
    this.#last = present > this.#last ? present : this.#last + 1n
    return this.#last
  }

  async createTable(dataset: string, name: string, fields: readonly Field[], options: TableOptions): Promise<void> {
    const physical = this.#newName(name)
    await this.run(`CREATE TABLE ${physical} (${fields.map((f) => `"${f.name}" ${duckType(f)}`).join(', ')})`)
    this.#add({ dataset, name, fields, options, view: null, versions: [], expiresAt: null }, physical, 0, 0)
  }

  async createView(dataset: string, name: string, sql: string): Promise<void> {
    const { fields } = await this.#fieldsOf(this.#select(sql))
    const table = { dataset, name, fields, options: {}, view: sql, versions: [], expiresAt: null }
    this.tables.set(keyOf(dataset, name), table)
  }

  /** Changes a table by a statement of DuckDB's in which `$table` stands for it. */
  async change(dataset: string, name: string, statement: string): Promise<void> {
    const table = this.get(dataset, name)
    const physical = this.#newName(name)
    await this.run(`CREATE TABLE ${physical} AS SELECT * FROM ${current(table)}`)
    await this.run(statement.replaceAll('$table', physical))
    await this.#addVersion(table, physical)
  }

  /** Runs `CREATE TABLE … AS`; throws when the table is there. */
  async createAs(dataset: string, name: string, sql: string, expiresAt: number | null): Promise<void> {
    if (this.find(dataset, name) !== null)
      throw new ApiError(409, 'duplicate', `Already Exists: Table ${dataset}.${name}`)
    const { fields } = await this.#fieldsOf(sql)
    const physical = this.#newName(name)
    await this.run(`CREATE TABLE ${physical} AS ${sql}`)
    const table = { dataset, name, fields, options: {}, view: null, versions: [], expiresAt }
    this.tables.set(keyOf(dataset, name), table)
    await this.#addVersion(table, physical)
  }

  /** Keeps a result as a table of no dataset; gives its place. */
  async keepResult(
    sql: string,
  ): Promise<{ readonly physical: string; readonly fields: readonly Field[]; readonly rows: number }> {
    const { fields, names } = await this.#fieldsOf(sql)
    const physical = this.#newName('result')
    await this.run(
      `CREATE TABLE ${physical} (${names.map((name, i) => `"${name}" ${duckType(fields[i]!)}`).join(', ')})`,
    )
    await this.run(`INSERT INTO ${physical} ${sql}`)
    return { physical, fields, rows: await this.#count(physical) }
  }

  drop(dataset: string, name: string): boolean {
    return this.tables.delete(keyOf(dataset, name))
  }

  find(dataset: string, name: string): StoredTable | null {
    const found = this.tables.get(keyOf(dataset, name))
    if (found === undefined || (found.expiresAt !== null && found.expiresAt <= this.#now())) return null
    return found
  }

  /** The tables of a dataset that are there. */
  tablesOf(dataset: string): readonly { readonly name: string; readonly kind: string }[] {
    const all = [...this.tables.values()].filter((table) => table.dataset === dataset && this.find(dataset, table.name))
    return all.map(({ name, view }) => ({ name, kind: view === null ? 'TABLE' : 'VIEW' }))
  }

  get(dataset: string, name: string): StoredTable {
    const found = this.find(dataset, name)
    if (found === null) throw notFound(`Table ${dataset}.${name}`)
    return found
  }

  /** SQL for what stands behind FROM. */
  from(dataset: string, name: string, at: bigint | null): string {
    const table = this.get(dataset, name)
    if (table.view !== null) {
      if (at !== null) throw invalidQuery(`FOR SYSTEM_TIME AS OF is not supported on the view ${name}`)
      return `(${this.#select(table.view)})`
    }
    if (at === null) return current(table)
    if (at > this.clock()) throw invalidQuery('Invalid snapshot time: it is in the future')
    if (at < this.clock() - travelMicros)
      throw invalidQuery('Invalid snapshot time: it is before the time travel window')
    const version = table.versions.findLast((each) => each.at <= at)
    if (version === undefined) throw invalidQuery(`Table ${name} did not exist at that time`)
    return version.physical
  }

  /** Datasets that a view reads from. */
  datasetsUnder(dataset: string, name: string): ReadonlySet<string> {
    const found = new Set<string>()
    const { view } = this.get(dataset, name)
    if (view === null) return found
    translate(view, (inner) => {
      found.add(inner)
      return ''
    })
    return found
  }

  read(sql: string): Promise<DuckDBResultReader> {
    return this.#inTurn(async () => {
      try {
        return await this.#db.runAndReadAll(sql.replaceAll('bq_now()', () => timestampLiteral(this.clock())))
      } catch (error) {
        throw invalidQuery((error as Error).message)
      }
    })
  }

  async run(sql: string): Promise<void> {
    await this.read(sql)
  }

  #select(sql: string): string {
    const statement = translate(sql, (dataset, table, at) => this.from(dataset, table, at))
    if (statement.kind !== 'select') throw invalidQuery('A view is a query')
    return statement.sql
  }

  async #fieldsOf(sql: string): Promise<{ readonly fields: readonly Field[]; readonly names: readonly string[] }> {
    const reader = await this.read(`SELECT * FROM (${sql}) LIMIT 0`)
    // Columns that were given no name get one as BigQuery makes them.
    const names = reader.deduplicatedColumnNames().map((name, i) => (/^\w+$/.test(name) ? name : `f${i}_`))
    return { names, fields: reader.columnTypes().map((type, i) => fieldOf(names[i] as string, type)) }
  }

  async #addVersion(table: StoredTable, physical: string): Promise<void> {
    const texts = table.fields
      .filter(({ type, mode }) => type === 'STRING' && mode !== 'REPEATED')
      .map(({ name }) => `coalesce(strlen("${name}"), 0)`)
    const size = [8 * table.fields.length, ...texts].join(' + ')
    const reader = await this.read(`SELECT coalesce(sum(${size}), 0)::BIGINT FROM ${physical}`)
    this.#add(table, physical, await this.#count(physical), Number(reader.getRowsJS()[0]?.[0]))
  }

  #add(table: StoredTable, physical: string, rows: number, bytes: number): void {
    table.versions = [...table.versions, { at: this.clock(), physical, rows, bytes }]
    this.tables.set(keyOf(table.dataset, table.name), table)
  }

  async #count(physical: string): Promise<number> {
    return Number((await this.read(`SELECT count(*) FROM ${physical}`)).getRowsJS()[0]?.[0])
  }

  #newName(name: string): string {
    return `"${name}@${this.#serial++}"`
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work)
    this.#queue = done.catch(() => undefined)
    return done
  }
}

function timestampLiteral(micros: bigint): string {
  const millis = new Date(Number(micros / 1000n)).toISOString().slice(0, -1)
  return `TIMESTAMPTZ '${millis}${String(micros % 1000n).padStart(3, '0')}+00'`
}

function keyOf(dataset: string, name: string): string {
  return `${dataset}.${name}`
}

function current(table: StoredTable): string {
  const last = table.versions.at(-1)
  if (last === undefined) throw invalidQuery(`${table.name} is a view`)
  return last.physical
}
