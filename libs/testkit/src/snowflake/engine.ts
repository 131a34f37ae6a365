import { type DuckDBConnection, DuckDBInstance, type DuckDBResultReader } from '@duckdb/node-api'
import { duckMacros } from './duck-macros.ts'
import { errorFromDuck } from './error-from-duck.ts'

/** The SQL engine under the stand-in: one connection, statements run one after the other. */
export class Engine {
  readonly #instance: DuckDBInstance
  readonly #db: DuckDBConnection
  #queue: Promise<unknown> = Promise.resolve()
  #serial = 0

  private constructor(instance: DuckDBInstance, db: DuckDBConnection) {
    this.#instance = instance
    this.#db = db
  }

  static async open(): Promise<Engine> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' })
    const db = await instance.connect()
    for (const statement of duckMacros) await db.run(statement)
    return new Engine(instance, db)
  }

  /** Runs work that nothing else comes between. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work)
    this.#queue = done.catch(() => undefined)
    return done
  }

  /** Only within `inTurn`. */
  async read(sql: string): Promise<DuckDBResultReader> {
    try {
      return await this.#db.runAndReadAll(sql)
    } catch (error) {
      throw errorFromDuck(error as Error)
    }
  }

  /** Runs a statement; gives how many rows it changed. Only within `inTurn`. */
  async run(sql: string): Promise<number> {
    try {
      return (await this.#db.run(sql)).rowsChanged
    } catch (error) {
      throw errorFromDuck(error as Error)
    }
  }

  /** The only value of a query. Only within `inTurn`. */
  async value(sql: string): Promise<unknown> {
    return (await this.read(sql)).getRowsJS()[0]?.[0]
  }

  /** Stops the statement that runs. */
  interrupt(): void {
    this.#db.interrupt()
  }

  newName(prefix: string): string {
    return `"${prefix}${++this.#serial}"`
  }

  close(): void {
    this.#db.closeSync()
    this.#instance.closeSync()
  }
}
