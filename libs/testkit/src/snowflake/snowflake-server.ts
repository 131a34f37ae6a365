import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync, gzipSync } from 'node:zlib'
import { Catalog, placeKey, type WarehouseObject } from './catalog.ts'
import { Engine } from './engine.ts'
import { adminRole, type Grants } from './grants.ts'
import { type OnQuery, QueryRuns } from './query-runs.ts'
import { rowsText } from './result-rows.ts'
import { type Answer, type Limits, Routes } from './routes.ts'
import { runStatement } from './run-statement.ts'
import type { Session } from './session.ts'
import { type SessionLimits, Sessions } from './sessions.ts'
import { notThere } from './snowflake-error.ts'
import { TokenReader } from './tokens.ts'
import { LockedError, Transactions } from './transactions.ts'
import type { World } from './world.ts'

/** A stand-in for Snowflake's HTTP protocol on loopback, on a real SQL engine, with streams. */
export type SnowflakeServer = {
  /** `accessUrl` of the driver. */
  readonly accessUrl: string
  readonly account: string
  readonly user: string
  readonly password: string
  readonly role: string
  readonly warehouse: string
  readonly database: string
  /** The connector's own schema. */
  readonly connectorSchema: string
  readonly grants: Grants
  readonly limits: Limits
  readonly sessionLimits: SessionLimits
  /** `METHOD /path` of every request. */
  readonly requests: string[]
  /** SQL of every statement that the driver sent. */
  readonly statements: string[]
  /** Runs a statement of Snowflake's as the owner of everything; its first rows as texts. */
  run(sql: string): Promise<readonly (readonly (string | null)[])[]>
  /** CREATE OR REPLACE TABLE, readable by the connector's role. `name` has a schema: PUBLIC.ORDERS. */
  createTable(name: string, columns: string): Promise<void>
  createView(name: string, sql: string): Promise<void>
  /** Lets the connector's role read a table or view. */
  grantSelect(name: string): Promise<void>
  /** Puts a key into slot 1 or 2 of the connector's user; null takes it out. */
  setPublicKey(slot: 1 | 2, key: string | null): void
  setPassword(password: string | null): void
  /** Session tokens given out so far are expired. */
  expireSessions(): void
  warehouseState(change: Partial<Pick<WarehouseObject, 'state' | 'autoResume' | 'exhaustedMonitor'>>): void
  /** Sees each statement before it begins and may hold or fail it; null = nobody does. */
  onQuery(listen: OnQuery | null): void
  close(): Promise<void>
}

export type SnowflakeServerOptions = {
  readonly now?: () => number
  readonly limits?: Partial<Limits>
  /** Whether the connector's role gets its grants; otherwise `grants` starts empty. Default true. */
  readonly withGrants?: boolean
  /** 0 = any free one. */
  readonly port?: number
}

const account = 'TESTACCOUNT'
const user = 'MILLRACE'
const password = 'correct horse'
const role = 'MILLRACE_ROLE'
const warehouse = 'MILLRACE_WAREHOUSE'
const database = 'ANALYTICS'
const connectorSchema = 'MILLRACE'

export async function startSnowflakeServer(options: SnowflakeServerOptions = {}): Promise<SnowflakeServer> {
  const { now = Date.now, withGrants = true } = options
  const engine = await Engine.open()
  const catalog = new Catalog()
  const transactions = new Transactions(engine, now)
  const sessions = new Sessions(account, now)
  const holder: { runs: QueryRuns | null } = { runs: null }
  const world: World = {
    account,
    engine,
    catalog,
    transactions,
    sessions,
    now,
    preventInlineUnload: false,
    cancelQuery: (id) => holder.runs?.cancel(holder.runs.queries.get(id)) ?? false,
    history: () => [...(holder.runs?.queries.values() ?? [])],
  }
  const runs = new QueryRuns(world)
  holder.runs = runs
  furnish(world, withGrants)
  const routes = new Routes(world, runs)
  Object.assign(routes.limits, options.limits)
  const requests: string[] = []
  const statements: string[] = []
  const server = createServer((message, response) => {
    receive(message)
      .then(async (request) => {
        requests.push(`${request.method} ${request.path}`)
        if (typeof request.body.sqlText === 'string') statements.push(request.body.sqlText)
        send(message, response, await routes.answer({ ...request, endpoint: accessUrl }))
      })
      .catch((error: unknown) => send(message, response, { status: 500, text: String(error) }))
  })
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const accessUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const run = (sql: string) => runAsAdmin(world, sql)
  return {
    accessUrl,
    account,
    user,
    password,
    role,
    warehouse,
    database,
    connectorSchema,
    grants: catalog.grants,
    limits: routes.limits,
    sessionLimits: sessions.limits,
    requests,
    statements,
    run,
    async createTable(name, columns) {
      await run(`CREATE OR REPLACE TABLE ${name} (${columns})`)
      grantSelect(world, name)
    },
    async createView(name, sql) {
      await run(`CREATE OR REPLACE VIEW ${name} AS ${sql}`)
      grantSelect(world, name)
    },
    grantSelect: async (name) => grantSelect(world, name),
    setPublicKey: (slot, key) => sessions.setPublicKey(user, slot, key),
    setPassword(next) {
      const found = sessions.users.get(user)
      if (found !== undefined) found.password = next
    },
    expireSessions: () => sessions.expireTokens(),
    warehouseState(change) {
      Object.assign(catalog.warehouses.get(warehouse) as WarehouseObject, change)
    },
    onQuery(listen) {
      runs.onQuery = listen
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await engine.inTurn(async () => engine.close())
    },
  }
}

/** The account as the set-up leaves it: a database with two schemas, a warehouse, a role, a user. */
function furnish({ catalog, sessions, now }: World, withGrants: boolean): void {
  const schemas = ['PUBLIC', connectorSchema].map((name) => {
    return [name, { name, owner: adminRole, createdAt: catalog.created(now()), objects: new Map() }] as const
  })
  const createdAt = catalog.created(now())
  catalog.databases.set(database, { name: database, owner: adminRole, createdAt, schemas: new Map(schemas) })
  const state = { state: 'SUSPENDED', autoResume: true, exhaustedMonitor: null } as const
  catalog.warehouses.set(warehouse, { name: warehouse, ...state, createdAt })
  sessions.users.set(user, {
    name: user,
    password,
    roles: new Set([role, 'PUBLIC']),
    defaultRole: role,
    keys: [null, null],
  })
  catalog.roles.add(role)
  if (!withGrants) return
  const { grants } = catalog
  for (const privilege of ['USAGE', 'MONITOR']) grants.grant(role, privilege, 'WAREHOUSE', warehouse)
  grants.grant(role, 'USAGE', 'DATABASE', database)
  for (const schema of ['PUBLIC', connectorSchema]) grants.grant(role, 'USAGE', 'SCHEMA', `${database}.${schema}`)
  for (const privilege of ['CREATE TABLE', 'CREATE STREAM'])
    grants.grant(role, privilege, 'SCHEMA', `${database}.${connectorSchema}`)
}

function adminSession(): Session {
  return {
    id: 0,
    user: 'ADMIN',
    role: adminRole,
    warehouse,
    database,
    schema: 'PUBLIC',
    parameters: new Map(),
    transaction: null,
    lastQueryId: null,
  }
}

async function runAsAdmin(world: World, sql: string): Promise<readonly (readonly (string | null)[])[]> {
  const { engine } = world
  for (;;) {
    try {
      return await engine.inTurn(async () => {
        const { kept } = await runStatement(world, adminSession(), { sql, binds: [], isInternal: true })
        const text = await rowsText(engine, kept, 0, 1000)
        if (kept.table !== null) await engine.run(`DROP TABLE ${kept.table}`)
        return JSON.parse(`[${text}]`) as (string | null)[][]
      })
    } catch (error) {
      if (!(error instanceof LockedError)) throw error
      await error.holder.end
    }
  }
}

function grantSelect({ catalog }: World, name: string): void {
  const session = adminSession()
  const place = catalog.place(session, new TokenReader(name).path())
  const found = catalog.find(session, place)
  if (found === null) throw notThere('Object', name)
  catalog.grants.grant(role, 'SELECT', found.kind, placeKey(place))
}

type Received = {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Readonly<Record<string, unknown>>
}

async function receive(message: IncomingMessage): Promise<Received> {
  const parts: Buffer[] = []
  for await (const part of message as AsyncIterable<Buffer>) parts.push(part)
  const bytes = Buffer.concat(parts)
  const text = (message.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString('utf8')
  const url = new URL(message.url ?? '/', 'http://127.0.0.1')
  const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  return {
    method: message.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    headers: message.headers,
    body,
  }
}

function send(message: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return
  if ('status' in answer) {
    response.writeHead(answer.status, { 'content-type': 'text/plain' })
    response.end(answer.text)
  } else if ('bytes' in answer) {
    // As cloud storage does: not as JSON, which it is not.
    response.writeHead(200, { 'content-type': 'binary/octet-stream', 'content-encoding': 'gzip' })
    response.end(answer.bytes)
  } else {
    const isZipped = /gzip/.test(String(message.headers['accept-encoding'])) && answer.json.length > 1024
    response.writeHead(200, { 'content-type': 'application/json', ...(isZipped ? { 'content-encoding': 'gzip' } : {}) })
    response.end(isZipped ? gzipSync(answer.json, { level: 1 }) : answer.json)
  }
}
