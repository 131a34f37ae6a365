import { type DuckDBConnection, DuckDBInstance, type DuckDBResultReader } from '@duckdb/node-api'
import { ApiError, invalidQuery, notFound } from './api-error.ts'
import { duckMacros } from './duck-macros.ts'
import { partitionIdSql, partitionsFrom, partitionsSql, partitionsView, rowBytesSql } from './partitions.ts'
import { duckType, type Field, fieldOf } from './rest-values.ts'
import { type Source, translate } from './sql-text.ts'
import { current, isByIngestion, latest, type StoredTable, type TableOptions, type Version } from './stored-table.ts'

/** How far back tables can be read: https://cloud.google.com/bigquery/docs/time-travel */
const travelMicros = 7n * 86_400_000_000n

/** Datasets and tables of the stand-in on DuckDB. Statements run one after the other. */
export class Storage {
  readonly tables = new Map<string, StoredTable>()
  readonly datasets = new Map<string, { readonly location: string }>()
  readonly #instance: DuckDBInstance
  readonly #db: DuckDBConnection
  readonly #now: () => number
  #last = 0n
  #lastCreated = 0
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
    for (const macro of duckMacros) await db.run(macro)
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

  /** Makes a table, also in place of one of that name (CREATE OR REPLACE). */
  async createTable(dataset: string, name: string, fields: readonly Field[], options: TableOptions): Promise<void> {
    const physical = this.#newName(name)
    const columns = fields.map((f) => `"${f.name}" ${duckType(f)}`)
    if (isByIngestion(options)) columns.push('"_PARTITIONTIME" TIMESTAMPTZ')
    await this.run(`CREATE TABLE ${physical} (${columns.join(', ')})`)
    await this.#addVersion(this.#newTable({ dataset, name, fields, options }), physical)
  }

  async createView(dataset: string, name: string, sql: string): Promise<void> {
    const { fields } = await this.#fieldsOf(this.#select(sql))
    const table = this.#newTable({ dataset, name, fields, kind: 'VIEW', view: sql })
    this.tables.set(keyOf(dataset, name), table)
  }

  /** Changes a table by a statement of DuckDB's in which `$table` stands for it. */
  async change(dataset: string, name: string, statement: string): Promise<void> {
    const table = this.get(dataset, name)
    const physical = await this.#changed(table, statement)
    if (isByIngestion(table.options)) {
      const today = 'SET "_PARTITIONTIME" = date_trunc(\'day\', bq_now())'
      await this.run(`UPDATE ${physical} ${today} WHERE "_PARTITIONTIME" IS NULL`)
    }
    await this.#addVersion(table, physical)
  }

  /** Adds a column at the end, NULL in all rows; like dropping one, this changes no partition. */
  addColumn(dataset: string, name: string, field: Field): Promise<void> {
    const change = `ADD COLUMN "${field.name}" ${duckType(field)}`
    return this.#alter(dataset, name, change, (fields) => [...fields, field])
  }

  dropColumn(dataset: string, name: string, column: string): Promise<void> {
    return this.#alter(dataset, name, `DROP COLUMN "${column}"`, (fields) => fields.filter((f) => f.name !== column))
  }

  async #alter(
    dataset: string,
    name: string,
    change: string,
    fieldsAfter: (fields: readonly Field[]) => readonly Field[],
  ): Promise<void> {
    const table = this.get(dataset, name)
    const physical = await this.#changed(table, `ALTER TABLE $table ${change}`)
    table.fields = fieldsAfter(table.fields)
    await this.#addVersion(table, physical, 'catalogue')
  }

  async #changed(table: StoredTable, statement: string): Promise<string> {
    if (table.kind !== 'TABLE') throw invalidQuery(`${table.name} is a ${table.kind} and cannot be changed`)
    const physical = this.#newName(table.name)
    await this.run(`CREATE TABLE ${physical} AS SELECT * FROM ${current(table)}`)
    await this.run(statement.replaceAll('$table', physical))
    return physical
  }

  /** Runs `CREATE TABLE … AS`; throws when the table is there. */
  async createAs(dataset: string, name: string, sql: string, expiresAt: number | null): Promise<void> {
    this.#checkFree(dataset, name)
    const { fields } = await this.#fieldsOf(sql)
    const physical = this.#newName(name)
    await this.run(`CREATE TABLE ${physical} AS ${sql}`)
    await this.#addVersion(this.#newTable({ dataset, name, fields, expiresAt }), physical)
  }

  /** Runs `CREATE SNAPSHOT TABLE`: a version of a table under another name, which nobody can change. */
  createSnapshot(dataset: string, name: string, source: Source, expiresAt: number | null): void {
    this.#checkFree(dataset, name)
    const { kind, options } = this.get(source.dataset, source.table)
    if (kind !== 'TABLE') throw invalidQuery(`Cannot create a snapshot of ${source.table}, which is a ${kind}`)
    const version = this.versionAt(source.dataset, source.table, source.at)
    const { fields } = version
    const table = this.#newTable({ dataset, name, fields, options, kind: 'SNAPSHOT', expiresAt })
    table.versions = [{ ...version, at: this.clock() }]
    this.tables.set(keyOf(dataset, name), table)
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

  get(dataset: string, name: string): StoredTable {
    const found = this.find(dataset, name)
    if (found === null) throw notFound(`Table ${dataset}.${name}`)
    return found
  }

  /** SQL for what stands behind FROM. */
  from(dataset: string, name: string, at: bigint | null): string {
    if (name === 'INFORMATION_SCHEMA.PARTITIONS') return partitionsView(this.tablesOf(dataset))
    const table = this.get(dataset, name)
    if (table.view !== null) {
      if (at !== null) throw invalidQuery(`FOR SYSTEM_TIME AS OF is not supported on the view ${name}`)
      return `(${this.#select(table.view)})`
    }
    return this.versionAt(dataset, name, at).physical
  }

  /** A table's version at a moment; null = now. */
  versionAt(dataset: string, name: string, at: bigint | null): Version {
    const table = this.get(dataset, name)
    if (at === null) return latest(table)
    if (at > this.clock()) throw invalidQuery('Invalid snapshot time: it is in the future')
    if (at < this.clock() - travelMicros)
      throw invalidQuery('Invalid snapshot time: it is before the time travel window')
    const version = table.versions.findLast((each) => each.at <= at)
    if (version === undefined) throw invalidQuery(`Table ${name} did not exist at that time`)
    return version
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

  async #addVersion(table: StoredTable, physical: string, changed: 'rows' | 'catalogue' = 'rows'): Promise<void> {
    const { fields, options, versions } = table
    const reader = await this.read(`SELECT coalesce(sum(${rowBytesSql(fields)}), 0)::BIGINT FROM ${physical}`)
    const bytes = Number(reader.getRowsJS()[0]?.[0])
    const at = this.clock()
    const id = partitionIdSql(options)
    const before = versions.at(-1)?.partitions ?? new Map()
    const listed = id === null ? null : (await this.read(partitionsSql(physical, fields, id))).getRowsJS()
    const partitions = listed === null ? null : partitionsFrom(listed, before, at, changed)
    table.versions = [...versions, { at, physical, rows: await this.#count(physical), bytes, fields, partitions }]
    this.tables.set(keyOf(table.dataset, table.name), table)
  }

  #newTable(parts: Pick<StoredTable, 'dataset' | 'name' | 'fields'> & Partial<StoredTable>): StoredTable {
    const present = this.#now()
    this.#lastCreated = present > this.#lastCreated ? present : this.#lastCreated + 1
    const createdAt = this.#lastCreated
    return { kind: 'TABLE', options: {}, view: null, versions: [], expiresAt: null, createdAt, ...parts }
  }

  #checkFree(dataset: string, name: string): void {
    if (this.find(dataset, name) !== null)
      throw new ApiError(409, 'duplicate', `Already Exists: Table ${dataset}.${name}`)
  }

  /** The tables of a dataset that are there. */
  tablesOf(dataset: string): readonly StoredTable[] {
    return [...this.tables.values()].filter((table) => table.dataset === dataset && this.find(dataset, table.name))
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
