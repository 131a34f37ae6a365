import { randomUUID } from 'node:crypto'
import { canceled } from './error-from-duck.ts'
import { type RunResult, runStatement } from './run-statement.ts'
import type { Session } from './session.ts'
import { SnowflakeError } from './snowflake-error.ts'
import { LockedError, type Transaction } from './transactions.ts'
import type { PastQuery, World } from './world.ts'

export type QueryState = { -readonly [K in keyof PastQuery]: PastQuery[K] } & {
  readonly session: Session
  readonly requestId: string
  result: RunResult | null
  error: SnowflakeError | null
  /** Settles when it has ended, well or not. */
  readonly done: Promise<void>
  isRunning: boolean
  /** Why it is stopped; null = it is not. */
  stop: SnowflakeError | null
  /** Ends its waiting, if it waits. */
  wake: () => void
}

/** Called before a statement begins; it waits for what this gives. Throwing a `SnowflakeError` fails the statement. */
export type OnQuery = (query: {
  readonly id: string
  readonly sql: string
  readonly tag: string
}) => Promise<void> | void

/** How many results are kept. */
const resultsMax = 500

/** Statements that run and have run. */
export class QueryRuns {
  readonly queries = new Map<string, QueryState>()
  onQuery: OnQuery | null = null
  readonly #world: World
  readonly #kept: QueryState[] = []

  constructor(world: World) {
    this.#world = world
  }

  start(
    session: Session,
    requestId: string,
    text: { readonly sql: string; readonly binds: readonly string[] },
    tag: string,
  ): QueryState {
    // A request that is sent again is answered by the query that it started.
    const before = [...this.queries.values()].find((query) => requestId !== '' && query.requestId === requestId)
    if (before !== undefined) return before
    const { promise, resolve } = Promise.withResolvers<void>()
    const query: QueryState = {
      id: randomUUID(),
      sql: text.sql,
      user: session.user,
      tag,
      status: 'RUNNING',
      startedAt: this.#world.now(),
      session,
      requestId,
      result: null,
      error: null,
      done: promise,
      isRunning: false,
      stop: null,
      wake: () => undefined,
    }
    this.queries.set(query.id, query)
    this.#run(query, text).then(resolve, (error: unknown) => {
      query.error =
        error instanceof SnowflakeError
          ? error
          : new SnowflakeError('000603', 'XX000', `Internal error: ${(error as Error).stack}`)
      query.status = 'FAILED_WITH_ERROR'
      resolve()
    })
    return query
  }

  /** Stops a query, also one that waits; false when it does not run. */
  cancel(query: QueryState | undefined, reason = canceled()): boolean {
    if (query === undefined || query.status !== 'RUNNING') return false
    query.stop = reason
    if (query.isRunning) this.#world.engine.interrupt()
    query.wake()
    return true
  }

  async #run(query: QueryState, text: { readonly sql: string; readonly binds: readonly string[] }): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      query.wake = resolve
    })
    await Promise.race([this.onQuery?.(query), stopped])
    const { engine } = this.#world
    for (;;) {
      const holder = await engine.inTurn(() => this.#attempt(query, text))
      if (holder === null) break
      await Promise.race([holder.end, stopped])
    }
    query.status = 'SUCCESS'
    query.session.lastQueryId = query.id
    await this.#forget(query)
  }

  /** The transaction whose end it must wait for; null when it is done. */
  async #attempt(
    query: QueryState,
    text: { readonly sql: string; readonly binds: readonly string[] },
  ): Promise<Transaction | null> {
    if (query.stop !== null) throw query.stop
    query.isRunning = true
    try {
      query.result = await runStatement(this.#world, query.session, { ...text, isInternal: false })
      return null
    } catch (error) {
      if (error instanceof LockedError) return error.holder
      if (query.stop !== null) throw query.stop
      throw error
    } finally {
      query.isRunning = false
    }
  }

  async #forget(query: QueryState): Promise<void> {
    this.#kept.push(query)
    if (this.#kept.length <= resultsMax) return
    const old = this.#kept.shift()
    const table = old?.result?.kept.table
    if (old === undefined || table == null) return
    old.result = null
    await this.#world.engine.inTurn(() => this.#world.engine.run(`DROP TABLE ${table}`))
  }
}
