import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { invalid } from './aws-error.ts'

export type StatementStatus = 'SUBMITTED' | 'STARTED' | 'FINISHED' | 'FAILED' | 'ABORTED'
export type ResultSet = {
  readonly columns: readonly { readonly name: string; readonly oid: number }[]
  readonly rows: readonly (readonly unknown[])[]
}

export type SubStatement = {
  readonly sql: string
  status: StatementStatus
  error: string | null
  result: ResultSet | null
  rows: number
}

/** A request to run one or several statements, and what became of it. */
export type Statement = {
  readonly id: string
  readonly isBatch: boolean
  readonly name: string | null
  readonly token: string | null
  readonly request: string
  readonly owner: string
  readonly createdAtMs: number
  readonly parts: readonly SubStatement[]
  status: StatementStatus
  error: string | null
  updatedAtMs: number
  /** The connection at work, for a cancellation. */
  session: pg.Client | null
  isCancelled: boolean
}

/** https://docs.aws.amazon.com/redshift/latest/mgmt/data-api.html: how long a token and a result are kept. */
const tokenMs = 8 * 3600_000
const resultMs = 24 * 3600_000

/** All statements of the cluster, found by id, token and name. */
export class StatementLog {
  readonly all: Statement[] = []
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** The statement that was asked for with the token before, or null. Throws when it asked for something else. */
  byToken(token: string | null, request: string): Statement | null {
    if (token === null) return null
    const found = this.all.find((each) => each.token === token && each.createdAtMs > this.#now() - tokenMs)
    if (found === undefined) return null
    if (found.request === request) return found
    throw invalid('Idempotent token with different parameters.')
  }

  add(of: Pick<Statement, 'isBatch' | 'name' | 'token' | 'request' | 'owner'>, sqls: readonly string[]): Statement {
    const now = this.#now()
    const parts = sqls.map((sql): SubStatement => ({ sql, status: 'SUBMITTED', error: null, result: null, rows: -1 }))
    const statement: Statement = {
      ...of,
      id: randomUUID(),
      createdAtMs: now,
      parts,
      status: 'SUBMITTED',
      error: null,
      updatedAtMs: now,
      session: null,
      isCancelled: false,
    }
    this.all.push(statement)
    return statement
  }

  /** A statement of the same role, by its id or that of a part (`id:2`). */
  get(id: string, owner: string): { readonly statement: Statement; readonly part: number | null } {
    const [whole, part] = id.split(':')
    const statement = this.all.find((each) => each.id === whole && each.owner === owner)
    if (statement === undefined || statement.createdAtMs < this.#now() - resultMs)
      throw Object.assign(invalid(`Query does not exist.`), { name: 'ResourceNotFoundException' })
    return { statement, part: part === undefined ? null : Number(part) }
  }

  get active(): number {
    return this.all.filter(({ status }) => status === 'SUBMITTED' || status === 'STARTED').length
  }

  settle(statement: Statement, status: StatementStatus, error: string | null): void {
    statement.status = status
    statement.error = error
    statement.updatedAtMs = this.#now()
  }
}
