import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabricksCluster } from './cluster.ts'
import { DeclaredKeys } from './declared-keys.ts'
import { bodyOf } from './message-body.ts'
import { openOwnerSession } from './owner-session.ts'
import { startSparkServer } from './spark-server.ts'
import { statementOf } from './thrift-dialect.ts'
import { ThriftUpstream, throughDoor } from './thrift-upstream.ts'
import { WorkspaceAccess } from './workspace-access.ts'

/**
 * A stand-in for a Databricks workspace with one all-purpose cluster, for the official driver: a real Spark Thrift server with
 * real Delta tables behind a door that lets in who may. The catalog is Spark's `spark_catalog`; nobody is refused a table there, and results
 * come in columns over Thrift only, never in Arrow or from the cloud's storage.
 */
export type DatabricksServer = {
  readonly endpoint: string
  /** Of the cluster. */
  readonly httpPath: string
  /** Of a SQL warehouse, which takes the same queries. */
  readonly warehousePath: string
  readonly catalog: string
  readonly access: WorkspaceAccess
  readonly cluster: DatabricksCluster
  /** All statements that were asked for, in order. */
  readonly statements: readonly string[]
  /** Called before each statement goes to Spark. */
  beforeStatement: (sql: string) => Promise<void> | void
  /** Folder of the tables: `<schema>.db/<table>`, those of the schema default without its folder. */
  readonly tablesDir: string
  readonly pid: number
  /** Runs statements one after the other, as the owner of everything; gives the rows of the last one. */
  sql(...texts: readonly string[]): Promise<readonly object[]>
  /** Unity Catalog takes keys down without enforcing them. */
  declareKey(schema: string, table: string, columns: readonly string[]): Promise<void>
  close(): Promise<void>
}

export type DatabricksServerOptions = {
  readonly now?: () => number
  /** PEM texts; without them the endpoint speaks plain http. */
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly heapMb?: number
}

const httpPath = '/sql/protocolv1/o/1234567890123456/0123-456789-abcdefgh'
const warehousePath = '/sql/1.0/warehouses/0123456789abcdef'

export async function startDatabricksServer(options: DatabricksServerOptions = {}): Promise<DatabricksServer> {
  const { now = Date.now, tls } = options
  const dir = mkdtempSync(path.join(tmpdir(), 'millrace-databricks-'))
  const spark = await startSparkServer(dir, options.heapMb)
  const upstream = new ThriftUpstream(spark.port)
  const access = new WorkspaceAccess(now)
  const cluster = new DatabricksCluster(now)
  const statements: string[] = []
  const owner = await openOwnerSession(upstream)
  const keys = new DeclaredKeys((sql) => owner.run(sql))
  const listener: RequestListener = (request, response) => {
    respond(request, response).catch((error: Error) => refuse(response, 500, 'INTERNAL_ERROR', error.message))
  }
  const http = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const server: DatabricksServer = {
    endpoint: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(http.address() as AddressInfo).port}`,
    httpPath,
    warehousePath,
    catalog: 'spark_catalog',
    access,
    cluster,
    statements,
    beforeStatement: () => undefined,
    tablesDir: path.join(dir, 'warehouse'),
    pid: spark.pid,
    async sql(...texts) {
      let rows: readonly object[] = []
      for (const text of texts) rows = await owner.run(text)
      return rows
    },
    declareKey: (schema, table, columns) => keys.declare({ schema, table, columns }),
    async close() {
      await owner.close()
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
      upstream.close()
      await spark.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request)
    const { pathname } = new URL(request.url ?? '/', 'http://workspace')
    const { authorization } = request.headers
    if (pathname === '/oidc/v1/token') {
      const answer = access.exchange(authorization, new URLSearchParams(body.toString('utf8')))
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
      return
    }
    if (!access.isAllowed(authorization))
      return refuse(response, 401, 'UNAUTHENTICATED', 'Credential was not sent or is not valid.')
    if (pathname !== httpPath && pathname !== warehousePath)
      return refuse(response, 404, 'RESOURCE_DOES_NOT_EXIST', 'No cluster found matching the path.')
    const refusal = pathname === httpPath ? cluster.admit() : null
    if (refusal !== null) return refuse(response, refusal.status, refusal.code, refusal.message)
    const sql = statementOf(body)
    if (sql !== null) {
      statements.push(sql)
      await server.beforeStatement(sql)
    }
    const answer = await throughDoor(upstream, body)
    response.writeHead(200, { 'content-type': 'application/x-thrift' }).end(answer)
  }

  return server
}

/** As the workspace's front answers: the reason also stands in a header that drivers show. */
function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'x-databricks-reason-phrase': `${code}: ${message}`.replace(/[^\x20-\x7e]/g, ' '),
    ...(status === 503 ? { 'retry-after': '1' } : {}),
  })
  response.end(JSON.stringify({ error_code: code, message }))
}
