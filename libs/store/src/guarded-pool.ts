import type { PostgresPool, PostgresPoolClient } from 'kysely'
import pg from 'pg'
import { isConnectionSpent, translateError } from './translate-error.ts'

export type PoolOptions = {
  /** Connections at most. */
  readonly max: number
  /** Waiting for a connection, in ms. */
  readonly connectMs: number
  /** A statement on the server, in ms; the driver gives up two seconds later (a black-holed connection). */
  readonly statementMs: number
  /** Waiting for a lock, in ms. */
  readonly lockMs: number
  readonly applicationName: string
}

/**
 * A pool whose errors are StoreErrors and whose waits are all bounded. A connection whose exchange broke or timed out is
 * thrown away, never handed to the next caller with an answer still on the way.
 */
export function guardedPool(url: string, options: PoolOptions): PostgresPool {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max,
    connectionTimeoutMillis: options.connectMs,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
    statement_timeout: options.statementMs,
    lock_timeout: options.lockMs,
    idle_in_transaction_session_timeout: options.statementMs,
    query_timeout: options.statementMs + 2000,
    application_name: options.applicationName,
    types: { getTypeParser },
  })
  // An idle connection that breaks is replaced by the next use; without a listener it would end the process.
  pool.on('error', () => undefined)
  return {
    options: {},
    async connect() {
      try {
        return guardedClient(await pool.connect())
      } catch (error) {
        throw translateError(error)
      }
    },
    end: () => pool.end(),
  }
}

/** A statement that begins with such a comment is parsed once per connection: worth it where it runs many times a second. */
const preparedName = /^\s*\/\* prepared: ([a-z-]+) \*\//

function guardedClient(client: pg.PoolClient): PostgresPoolClient {
  let spent = false
  // A client that breaks while it is checked out reports it here as well as to the pending statement.
  const onError = () => {
    spent = true
  }
  client.on('error', onError)
  const query = async (text: string, parameters: readonly unknown[]) => {
    try {
      const name = preparedName.exec(text)?.[1]
      return await (name === undefined
        ? client.query(text, parameters as unknown[])
        : client.query({ name, text, values: parameters as unknown[] }))
    } catch (error) {
      spent ||= isConnectionSpent(error)
      throw translateError(error)
    }
  }
  return {
    // Kysely asks for cursors only when it streams, which no operation of the store does.
    query: query as unknown as PostgresPoolClient['query'],
    release() {
      client.off('error', onError)
      client.release(spent)
    },
  }
}

const int8 = 20
const typeParsers = pg.types

/** Counts come back as numbers; what does not fit one exactly is selected as text (offsets). */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  return oid === int8 && format !== 'binary' ? safeInteger : typeParsers.getTypeParser(oid, format as 'text')
}

function safeInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} is beyond exact numbers; select it as text`)
  return value
}
