import type { StoredStream, StoredTable } from './catalog-objects.ts'
import type { Engine } from './engine.ts'

/**
 * Rows that a transaction brings stand in their table under the version -id, and rows that it takes away are marked so, until
 * it commits: then they get the next version. One transaction at a time changes a table.
 */
export type Transaction = {
  readonly id: number
  readonly isExplicit: boolean
  readonly startedAt: number
  readonly changed: Set<StoredTable>
  /** The last version when it began: its streams end there, however often they are read. */
  readonly startVersion: number
  /** Streams whose rows went into a table. */
  readonly consumed: Set<StoredStream>
  /** Settles when it has ended, which others may wait for. */
  readonly end: Promise<void>
  readonly ended: () => void
}

/** Another transaction holds what a statement changes: the statement waits for its end. */
export class LockedError extends Error {
  readonly holder: Transaction

  constructor(holder: Transaction) {
    super('locked')
    this.holder = holder
  }
}

type Commit = { readonly version: number; readonly at: number }

export class Transactions {
  readonly #engine: Engine
  readonly #now: () => number
  readonly #locks = new Map<StoredTable | StoredStream, Transaction>()
  readonly #commits: Commit[] = []
  #serial = 0
  #version = 0

  constructor(engine: Engine, now: () => number) {
    this.#engine = engine
    this.#now = now
  }

  /** The version that the last commit made. */
  get version(): number {
    return this.#version
  }

  begin(isExplicit: boolean): Transaction {
    const { promise, resolve } = Promise.withResolvers<void>()
    return {
      end: promise,
      ended: resolve,
      id: ++this.#serial,
      isExplicit,
      startedAt: this.#now(),
      changed: new Set(),
      startVersion: this.#version,
      consumed: new Set(),
    }
  }

  /** A transaction takes a table to change it; a DML statement takes the streams that it reads. Throws `LockedError`. */
  lock(transaction: Transaction, object: StoredTable | StoredStream): void {
    const holder = this.#locks.get(object)
    if (holder !== undefined && holder !== transaction) throw new LockedError(holder)
    this.#locks.set(object, transaction)
    if (object.kind === 'TABLE') transaction.changed.add(object)
    else transaction.consumed.add(object)
  }

  async commit(transaction: Transaction): Promise<void> {
    const { id, changed, consumed, startVersion, startedAt } = transaction
    if (changed.size > 0) {
      const version = this.#version + 1
      for (const table of changed) {
        const { physical } = table
        await this.#engine.run(`DELETE FROM ${physical} WHERE "~FROM" = ${-id} AND "~TO" = ${-id}`)
        await this.#engine.run(`UPDATE ${physical} SET "~FROM" = ${version} WHERE "~FROM" = ${-id}`)
        await this.#engine.run(`UPDATE ${physical} SET "~TO" = ${version} WHERE "~TO" = ${-id}`)
        table.changedAt = this.#now()
      }
      this.#version = version
      this.#commits.push({ version, at: this.#now() })
    }
    for (const stream of consumed) {
      // What a stream shows first is the table when it was made: what changed since comes next.
      if (!stream.isInitial) stream.offset = startVersion
      stream.isInitial = false
      stream.offsetAt = startedAt
    }
    this.#release(transaction)
  }

  async rollback(transaction: Transaction): Promise<void> {
    const { id, changed } = transaction
    for (const { physical, isDropped } of changed) {
      if (isDropped) continue
      await this.#engine.run(`DELETE FROM ${physical} WHERE "~FROM" = ${-id}`)
      await this.#engine.run(`UPDATE ${physical} SET "~TO" = NULL WHERE "~TO" = ${-id}`)
    }
    this.#release(transaction)
  }

  /** The last version committed by a moment (milliseconds). */
  versionAt(at: number): number {
    return this.#commits.findLast((commit) => commit.at <= at)?.version ?? 0
  }

  /** When a version was committed. */
  timeOf(version: number): number {
    return this.#commits[version - 1]?.at ?? 0
  }

  #release(transaction: Transaction): void {
    for (const [object, holder] of this.#locks) if (holder === transaction) this.#locks.delete(object)
    transaction.ended()
  }
}
