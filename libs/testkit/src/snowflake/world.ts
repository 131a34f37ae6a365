import type { Catalog } from './catalog.ts'
import type { Engine } from './engine.ts'
import type { Sessions } from './sessions.ts'
import type { Transactions } from './transactions.ts'

/** The account that the stand-in plays. */
export type World = {
  readonly account: string
  readonly engine: Engine
  readonly catalog: Catalog
  readonly transactions: Transactions
  readonly sessions: Sessions
  readonly now: () => number
  /** Stops a statement that runs; false = none of that id does. */
  cancelQuery(queryId: string): boolean
  /** Statements so far, oldest first. */
  history(): readonly PastQuery[]
  /** PREVENT_UNLOAD_TO_INLINE_URL of the account. */
  preventInlineUnload: boolean
}

export type PastQuery = {
  readonly id: string
  readonly sql: string
  readonly user: string
  readonly tag: string
  readonly status: 'RUNNING' | 'SUCCESS' | 'FAILED_WITH_ERROR' | 'BLOCKED'
  readonly startedAt: number
}
