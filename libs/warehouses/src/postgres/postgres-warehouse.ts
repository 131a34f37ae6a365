import type { SshTunnel } from '@millrace/net/ssh-tunnel.ts'
import type { ChangeSink } from '../change-sink.ts'
import { positionsOf } from '../columns-by-name.ts'
import type { KeptReader } from '../mirror/kept.ts'
import type {
  ChunkSpec,
  ConnectionCheck,
  Pin,
  PlanRequest,
  ReadPlan,
  ReadResult,
  RunLeavings,
  TableRef,
  Warehouse,
} from '../warehouse.ts'
import { findTable, kindOf, listSchemas, listTables, rowSchemaOf } from './catalog.ts'
import { type ConnectParts, connectPostgres, type Session } from './connect.ts'
import { postgresError } from './errors.ts'
import { quoteTable } from './identifiers.ts'
import { checkUnchanged, planMirrorRead, planRead } from './plan.ts'
import { type ChangesChunk, checkChanges, readChanges } from './read-changes.ts'
import { readRows } from './read-rows.ts'
import { checkConnection } from './setup.ts'
import { beginSnapshot, exportSnapshot, joinSnapshot } from './snapshot.ts'
import { chunkStatement, columnExpressions, identicalStatement, type PostgresChunk, rulesOf } from './statements.ts'

/** The catalogue and other short questions. */
const shortMs = 20_000
/** Planning may scan the table when the insert-time column has no index. */
const planMs = 15 * 60_000
/** One chunk, including the time that it waits for the destination. */
const readMs = 24 * 3600_000
const countMs = 3600_000

/** What a mirror keeps its checksums in, and how many rows a table has at most that is mirrored. */
export type MirrorParts = { readonly kept: KeptReader | undefined; readonly rowsMax: number }

const noPin: Pin = { shared: null, close: () => Promise.resolve() }

/** Each method works on a connection of its own, so they may run in parallel. */
export class PostgresWarehouse implements Warehouse {
  readonly kind = 'postgres'
  readonly #tunnel: SshTunnel | null
  readonly #parts: ConnectParts
  readonly #testTunnel: () => SshTunnel | null
  readonly #connectWith: (tunnel: SshTunnel | null) => ConnectParts
  readonly #mirror: MirrorParts
  readonly #sessions = new Set<Session>()

  constructor(
    connectWith: (tunnel: SshTunnel | null) => ConnectParts,
    tunnelOf: (trustFirstKey: boolean) => SshTunnel | null,
    mirror: MirrorParts,
  ) {
    this.#mirror = mirror
    this.#tunnel = tunnelOf(false)
    this.#testTunnel = () => tunnelOf(true)
    this.#connectWith = connectWith
    this.#parts = connectWith(this.#tunnel)
  }

  async testConnection(signal: AbortSignal, table?: TableRef): Promise<readonly ConnectionCheck[]> {
    const tunnel = this.#testTunnel()
    try {
      return await checkConnection(this.#connectWith(tunnel), shortMs, signal, table)
    } finally {
      await tunnel?.close()
    }
  }

  listSchemas(signal: AbortSignal) {
    return this.#with(shortMs, signal, ({ client }) => listSchemas(client))
  }

  listTables(schema: string, signal: AbortSignal) {
    return this.#with(shortMs, signal, ({ client }) => listTables(client, schema))
  }

  describeTable(table: TableRef, signal: AbortSignal) {
    return this.#with(shortMs, signal, async ({ client }) => {
      const found = await findTable(client, table)
      const schema = rowSchemaOf(found)
      const columns = schema.columns.map((column, i) => ({ ...column, nullable: found.columns[i]!.nullable }))
      return { ...schema, columns, kind: kindOf(found) }
    })
  }

  preview(table: TableRef, identity: readonly string[], rowsMax: number, sink: ChangeSink, signal: AbortSignal) {
    return this.#with(shortMs, signal, async (session) => {
      const found = await findTable(session.client, table)
      const rules = found.columns.map((column) => column.rule)
      const expressions = columnExpressions(found.columns, rules)
      const text = `SELECT ${expressions.join(', ')} FROM ${quoteTable(found.table)} LIMIT ${Math.trunc(rowsMax)}`
      const names = identity.length > 0 ? identity : found.key
      const positions = positionsOf(names, found.columns)
      return await readRows(session, { statement: { text, values: [] }, rules, identity: positions, sink, signal })
    })
  }

  /** Nobody pays by the byte. */
  estimate(): Promise<null> {
    return Promise.resolve(null)
  }

  async plan(request: PlanRequest, signal: AbortSignal) {
    if (request.mode !== 'mirror') return await this.#pinned(signal, (session) => planRead(session.client, request))
    // What was found is set aside: nothing of it depends on the snapshot any more.
    const plan = await this.#with(planMs, signal, async (session) => {
      await beginSnapshot(session)
      return await planMirrorRead({ session, kept: this.#keptReader(), rowsMax: this.#mirror.rowsMax }, request)
    })
    return { plan, pin: noPin }
  }

  /**
   * A new snapshot for the same plan; the range lo..hi and the chunks stay. Other rows are seen in it, and rows may have
   * moved to other pages by updates: of chunks read in two snapshots, a row could stand in both or in none. So everything
   * is read again, in every mode, and the run holds exactly the rows of the new snapshot. What was published before and is
   * gone in the new snapshot was in the table when it was read; it is not counted.
   */
  async repin(plan: ReadPlan, signal: AbortSignal) {
    if (plan.mode === 'mirror') {
      await checkChanges(this.#keptReader(), plan)
      return { plan, pin: noPin, rereadAll: false }
    }
    const pinned = await this.#pinned(signal, async (session) => {
      await checkUnchanged(session.client, plan)
      return plan
    })
    return { ...pinned, rereadAll: true }
  }

  readChunk(
    plan: ReadPlan,
    chunk: ChunkSpec,
    shared: string | null,
    sink: ChangeSink,
    signal: AbortSignal,
  ): Promise<ReadResult> {
    if (plan.mode === 'mirror') return readChanges(this.#keptReader(), chunk as ChangesChunk, sink, signal)
    return this.#with(readMs, signal, async (session) => {
      await joinSnapshot(session, shared)
      const identity = positionsOf(plan.identity, plan.schema.columns)
      const statement = chunkStatement(plan, chunk as PostgresChunk)
      return await readRows(session, { statement, rules: rulesOf(plan), identity, sink, signal })
    })
  }

  countIdentical(plan: ReadPlan, shared: string | null, signal: AbortSignal): Promise<number> {
    if (plan.chunks.length === 0) return Promise.resolve(0)
    return this.#with(countMs, signal, async (session) => {
      await joinSnapshot(session, shared)
      // Groups are the size of the table; in less memory they would go through the disk several times.
      await session.client.query(`SELECT set_config('work_mem', '64MB', true)`)
      const { text, values } = identicalStatement(plan)
      const { rows } = await session.client.query<{ identical: string }>(text, [...values])
      return Number(rows[0]!.identical)
    })
  }

  /** Nothing of a run stays in Postgres: its snapshot ends with its connection. What a mirror keeps is at Millrace. */
  async cleanUp(leavings: RunLeavings, _signal: AbortSignal): Promise<void> {
    await this.#mirror.kept?.cleanUp(leavings)
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.end()))
    await this.#tunnel?.close()
  }

  #keptReader(): KeptReader {
    const { kept } = this.#mirror
    if (kept === undefined) throw new Error('a mirror of Postgres needs a place to keep checksums')
    return kept
  }

  async #pinned(signal: AbortSignal, work: (session: Session) => Promise<ReadPlan>) {
    const session = await this.#open(planMs, signal)
    try {
      const plan = await cancelling(session, signal, async () => {
        await beginSnapshot(session)
        return await work(session)
      })
      const pin = await exportSnapshot(session)
      return { plan, pin }
    } catch (error) {
      await session.end()
      throw postgresError(error)
    }
  }

  /** Work on a connection of its own, which is closed after it. */
  async #with<T>(statementMs: number, signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.#open(statementMs, signal)
    try {
      return await cancelling(session, signal, () => work(session))
    } finally {
      await session.end()
    }
  }

  async #open(statementMs: number, signal: AbortSignal): Promise<Session> {
    const session = await connectPostgres(this.#parts, statementMs, signal)
    this.#sessions.add(session)
    session.socket.once('close', () => this.#sessions.delete(session))
    return session
  }
}

/** Stops what the server is doing when the signal says so; the error is then the signal's reason. */
async function cancelling<T>(session: Session, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const onAbort = () => void session.cancel()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    throw isOfServer(error) ? postgresError(error) : error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function isOfServer(error: unknown): boolean {
  return (
    error instanceof Error &&
    ('severity' in error || /Connection terminated|not queryable|Client was closed/.test(error.message))
  )
}
