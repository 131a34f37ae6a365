import { setTimeout as sleep } from 'node:timers/promises'
import type { Authorization } from './access.ts'
import { databricksError } from './errors.ts'
import { type DriverPlace, GuardedDriver } from './guarded-driver.ts'
import type { TextRow } from './row-encoder.ts'

type Session = Awaited<ReturnType<GuardedDriver['openSession']>>
type Operation = Awaited<ReturnType<Session['executeStatement']>>

export type ClientOptions = {
  readonly place: DriverPlace
  readonly authorization: Authorization
  /** How long a stopped cluster is waited for, ms: it takes five minutes, more when the cloud is short of machines. */
  readonly startMs?: number
  /** Pause between two looks whether it runs, ms. */
  readonly lookMs?: number
}

type Take = (rows: readonly TextRow[]) => Promise<void>
/** Whether a cluster that starts is waited for. */
type Patience = 'patient' | 'at once'

const sessionsMax = 8
const fetchRows = 10_000
const answerRowsMax = 100_000
/** Texts of values depend on these; both are what newer runtimes have anyway. */
const settings = ["SET TIME ZONE 'UTC'", 'SET spark.sql.ansi.enabled = true']

/** Statements on one cluster. Sessions are kept and used one statement at a time. Throws `WarehouseError` and `NetError`. */
export class DatabricksClient {
  readonly #options: ClientOptions
  #driver: Promise<GuardedDriver> | null = null
  readonly #idle: Session[] = []

  constructor(options: ClientOptions) {
    this.#options = options
  }

  /** All rows of a short answer. */
  async ask(sql: string, signal: AbortSignal): Promise<readonly TextRow[]> {
    const all: TextRow[] = []
    await this.stream(sql, signal, (rows) => {
      all.push(...rows)
      if (all.length > answerRowsMax) throw new Error('more rows than an answer has')
      return Promise.resolve()
    })
    return all
  }

  /** Hands the rows over in the order in which they come; the next ones are fetched when `take` is done, and its errors pass as they are. */
  stream(sql: string, signal: AbortSignal, take: Take): Promise<void> {
    return this.#stream(sql, signal, take, 'patient')
  }

  /** Whether statements are taken now. Throws `server_unavailable` while the cluster starts. */
  check(signal: AbortSignal): Promise<void> {
    return this.#stream("SELECT '1' AS one", signal, () => Promise.resolve(), 'at once')
  }

  async #stream(sql: string, signal: AbortSignal, take: Take, patience: Patience): Promise<void> {
    let isTaken = false
    let thrown: { readonly error: unknown } | null = null
    const taking = async (rows: readonly TextRow[]) => {
      isTaken = true
      await take(rows).catch((error: unknown) => {
        thrown = { error }
        throw error
      })
    }
    for (;;) {
      const { session, isKept } = await this.#session(signal, patience)
      try {
        await run(session, sql, signal, taking)
        return this.#keep(session)
      } catch (error) {
        void close(session)
        signal.throwIfAborted()
        if (thrown !== null) throw (thrown as { readonly error: unknown }).error
        const told = databricksError(error)
        // A cluster that was stopped in between has forgotten its sessions.
        const isForgotten = isKept && !isTaken && /^(connection_lost|server_unavailable)$/.test(told.code)
        if (!isForgotten) throw told
      }
    }
  }

  async close(): Promise<void> {
    const driver = await this.#driver?.catch(() => null)
    this.#driver = null
    this.#idle.length = 0
    await driver?.end().catch(ignoreClosing)
  }

  #keep(session: Session): void {
    if (this.#idle.length < sessionsMax) this.#idle.push(session)
    else void close(session)
  }

  async #session(signal: AbortSignal, patience: Patience) {
    const kept = this.#idle.pop()
    if (kept !== undefined) return { session: kept, isKept: true }
    const { startMs = 1_200_000, lookMs = 5_000 } = this.#options
    const deadline = performance.now() + (patience === 'patient' ? startMs : 0)
    for (;;) {
      try {
        return { session: await raced(this.#open(signal), signal), isKept: false }
      } catch (error) {
        signal.throwIfAborted()
        const told = databricksError(error)
        if (told.code !== 'server_unavailable' || performance.now() >= deadline) throw told
        await sleep(lookMs, undefined, { signal })
      }
    }
  }

  async #open(signal: AbortSignal): Promise<Session> {
    this.#driver ??= this.#connect()
    const driver = await this.#driver.catch((error: unknown) => {
      this.#driver = null
      throw error
    })
    const session = await driver.openSession({})
    for (const each of settings) await run(session, each, signal, () => Promise.resolve())
    return session
  }

  async #connect(): Promise<GuardedDriver> {
    const { place, authorization } = this.#options
    // Before the driver, which would put an error of its own around what is wrong.
    await authorization()
    const driver = new GuardedDriver(place)
    await driver.start(authorization)
    return driver
  }
}

async function run(session: Session, sql: string, signal: AbortSignal, take: Take): Promise<void> {
  signal.throwIfAborted()
  // Results from the cloud's storage would come from hosts that no one has checked.
  const operation = await raced(session.executeStatement(sql, { runAsync: true, useCloudFetch: false }), signal)
  try {
    await raced(operation.finished(), signal)
    while (await raced(operation.hasMoreRows(), signal)) {
      const rows = (await raced(operation.fetchChunk({ maxRows: fetchRows }), signal)) as TextRow[]
      if (rows.length > 0) await take(rows)
      signal.throwIfAborted()
    }
  } finally {
    await end(operation, signal.aborted)
  }
}

async function end(operation: Operation, isCancelled: boolean): Promise<void> {
  try {
    if (isCancelled) await operation.cancel()
    await operation.close()
  } catch (error) {
    ignoreClosing(error)
  }
}

async function close(session: Session): Promise<void> {
  await session.close().catch(ignoreClosing)
}

/** What is closed may be gone already, with the cluster or the connection; the cluster ends it by itself after a while. */
function ignoreClosing(_: unknown): undefined {
  return undefined
}

/** The driver's calls know no signal. */
function raced<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
