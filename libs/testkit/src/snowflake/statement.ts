import { SessionScope } from './query-scope.ts'
import type { Session } from './session.ts'
import { noActiveWarehouse, SnowflakeError } from './snowflake-error.ts'
import { TokenReader } from './tokens.ts'
import type { Transaction } from './transactions.ts'
import type { World } from './world.ts'

/** A statement at work: what it reads, in which session and transaction. */
export class Statement {
  readonly world: World
  readonly session: Session
  readonly transaction: Transaction
  readonly reader: TokenReader
  readonly scope: SessionScope
  /** The test's own statements need no warehouse. */
  readonly #isInternal: boolean

  constructor(
    world: World,
    session: Session,
    transaction: Transaction,
    {
      sql,
      binds,
      isInternal,
    }: { readonly sql: string; readonly binds: readonly string[]; readonly isInternal: boolean },
  ) {
    this.world = world
    this.session = session
    this.transaction = transaction
    this.reader = new TokenReader(sql)
    this.scope = new SessionScope(world, session, transaction, binds)
    this.#isInternal = isInternal
  }

  /** What reads or writes rows needs a warehouse at work; one that may resume itself does. */
  demandWarehouse(): void {
    const { session, world } = this
    if (this.#isInternal) return
    const warehouse = session.warehouse === null ? undefined : world.catalog.warehouses.get(session.warehouse)
    if (warehouse === undefined || !world.catalog.grants.has(session.role, 'USAGE', 'WAREHOUSE', warehouse.name))
      throw noActiveWarehouse()
    if (warehouse.exhaustedMonitor !== null && warehouse.state === 'SUSPENDED')
      throw new SnowflakeError(
        '090073',
        '22000',
        `Warehouse '${warehouse.name}' cannot be resumed because resource monitor '${warehouse.exhaustedMonitor}' has exceeded its quota.`,
      )
    if (warehouse.state === 'SUSPENDED' && !warehouse.autoResume) throw noActiveWarehouse()
    warehouse.state = 'STARTED'
  }

  /** A statement that writes what it read of streams moves them on when it commits. */
  takeStreams(): void {
    for (const stream of this.scope.streams) this.world.transactions.lock(this.transaction, stream)
  }
}
