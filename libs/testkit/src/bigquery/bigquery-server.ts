import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync, gzipSync } from 'node:zlib'
import { ApiError } from './api-error.ts'
import { type Grants, QueryJobs } from './query-jobs.ts'
import type { Field } from './rest-values.ts'
import { answerOf, type Place, type Request } from './routes.ts'
import { Storage } from './storage.ts'
import { type StorageReadServer, startStorageReadServer } from './storage-read-server.ts'
import type { TableOptions } from './stored-table.ts'
import { makeServiceAccount, TokenEndpoint } from './token-endpoint.ts'

/** The next `times` requests whose path matches are refused. */
export type Fault = {
  readonly path: RegExp
  readonly status: number
  readonly reason: string
  readonly message?: string
  times: number
}

/** A stand-in for BigQuery's REST API (v2) and Google's token endpoint on loopback, on a real SQL engine. */
export type BigQueryServer = {
  readonly endpoint: string
  /** The Storage Read API. */
  readonly storageRead: StorageReadServer
  readonly projectId: string
  readonly serviceAccount: { readonly email: string; readonly keyFile: string }
  readonly grants: Grants
  readonly faults: Fault[]
  readonly jobs: QueryJobs
  readonly storage: Storage
  /** `METHOD /path` of every request, without the project. */
  readonly requests: string[]
  createDataset(name: string, location?: string): void
  createTable(dataset: string, name: string, fields: readonly Field[], options?: TableOptions): Promise<void>
  createView(dataset: string, name: string, sql: string): Promise<void>
  /** Changes a table by a statement of DuckDB's in which `$table` stands for it. */
  change(dataset: string, name: string, statement: string): Promise<void>
  /** Adds a column at the end, NULL in all rows. */
  addColumn(dataset: string, name: string, field: Field): Promise<void>
  dropColumn(dataset: string, name: string, column: string): Promise<void>
  /** Page tokens given out so far are refused from now on; with `later` those to come as well. */
  expirePageTokens(options?: { readonly later?: boolean }): void
  close(): Promise<void>
}

export type ServerOptions = {
  readonly projectId?: string
  readonly now?: () => number
  readonly pageBytesMax?: number
  /** Rows that the Storage Read API gives a stream of their own. */
  readonly streamRows?: number
}

export async function startBigQueryServer(options: ServerOptions = {}): Promise<BigQueryServer> {
  const { projectId = 'test-project-1', now = Date.now, pageBytesMax = 10_000_000, streamRows = 100_000 } = options
  const storage = await Storage.open(now)
  const grants: Grants = { jobUser: true, readSessions: false, viewer: new Set(), owner: new Set() }
  const jobs = new QueryJobs(storage, grants, now)
  const account = makeServiceAccount(projectId)
  // Tokens are dated by the clock of those who sign them; `now` moves the warehouse's only.
  const tokens = new TokenEndpoint(account, Date.now)
  const place: Place = { projectId, storage, jobs, grants, pageBytesMax, pageGeneration: 0, tokensExpireAtOnce: false }
  const faults: Fault[] = []
  const requests: string[] = []

  async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(message.url ?? '/', 'http://127.0.0.1')
    const content = await bodyOf(message)
    if (url.pathname === '/token') {
      const { status, body } = tokens.answer(new URLSearchParams(content))
      send(message, response, status, body)
      return
    }
    const prefix = `/bigquery/v2/projects/${projectId}`
    const path = decodeURIComponent(url.pathname).replace(prefix, '')
    requests.push(`${message.method} ${path}`)
    try {
      if (!tokens.accepts(message.headers.authorization))
        throw new ApiError(401, 'authError', 'Request had invalid authentication credentials.')
      if (!url.pathname.startsWith(prefix)) throw new ApiError(404, 'notFound', 'Not found: Project')
      refuseByFault(faults, path)
      const request: Request = {
        method: message.method ?? 'GET',
        path,
        query: url.searchParams,
        body: content === '' ? {} : (JSON.parse(content) as Record<string, unknown>),
      }
      send(message, response, 200, await answerOf(place, request))
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      send(message, response, error.status, error.body())
    }
  }

  const server = createServer((message, response) => {
    answer(message, response).catch((error: unknown) => {
      send(message, response, 500, new ApiError(500, 'internalError', String(error)).body())
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepts = (authorization: string | undefined) => tokens.accepts(authorization)
  const storageRead = await startStorageReadServer({ projectId, storage, jobs, grants, accepts, now, streamRows })
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    storageRead,
    projectId,
    serviceAccount: account,
    grants,
    faults,
    jobs,
    storage,
    requests,
    createDataset: (name, location = 'US') => void storage.datasets.set(name, { location }),
    createTable: (dataset, name, fields, more = {}) => storage.createTable(dataset, name, fields, more),
    createView: (dataset, name, sql) => storage.createView(dataset, name, sql),
    change: (dataset, name, statement) => storage.change(dataset, name, statement),
    addColumn: (dataset, name, field) => storage.addColumn(dataset, name, field),
    dropColumn: (dataset, name, column) => storage.dropColumn(dataset, name, column),
    expirePageTokens({ later = false } = {}) {
      place.pageGeneration++
      place.tokensExpireAtOnce = later
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await storageRead.close()
      storage.close()
    },
  }
}

function refuseByFault(faults: Fault[], path: string): void {
  const fault = faults.find((each) => each.times > 0 && each.path.test(path))
  if (fault === undefined) return
  fault.times--
  throw new ApiError(fault.status, fault.reason, fault.message ?? fault.reason)
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of message as AsyncIterable<Buffer>) parts.push(part)
  const body = Buffer.concat(parts)
  return (message.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString('utf8')
}

function send(message: IncomingMessage, response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return
  const text = Buffer.from(JSON.stringify(body))
  const zipped = /gzip/.test(String(message.headers['accept-encoding'])) && text.length > 1024
  response.writeHead(status, {
    'content-type': 'application/json; charset=UTF-8',
    ...(zipped ? { 'content-encoding': 'gzip' } : {}),
  })
  response.end(zipped ? gzipSync(text, { level: 1 }) : text)
}
