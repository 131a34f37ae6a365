import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzip, gzipSync } from 'node:zlib'
import { type SinkRecord, SinkState } from './sink-state.ts'

/** What a request meets before the rules do. */
export type SinkFault =
  /** Answers so and stores nothing. */
  | { readonly kind: 'status'; readonly status: number; readonly retryAfterS?: number; readonly body?: string }
  /** Stores, then cuts the connection before the answer. */
  | { readonly kind: 'lost_answer' }
  /** Stores, then answers after this long. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Stores, then answers 200 with this instead of JSON. */
  | { readonly kind: 'garbage'; readonly body: string }
  /** 200 and bytes without end. */
  | { readonly kind: 'endless' }
  /** 200 and 64 MB of zeros in a few KB of gzip. */
  | { readonly kind: 'gzip_bomb' }
  /** Accepts the connection and never answers. */
  | { readonly kind: 'silence' }

export type SinkRequest = {
  readonly n: number
  readonly method: string
  readonly path: string
  readonly projectId: string
  readonly records: number
  readonly atMs: number
}

export type SinkOptions = {
  readonly username: string
  readonly secret: string
  readonly recordsMax?: number
  /** Uncompressed. */
  readonly bytesMax?: number
  /** Bad records get a 400 without `failed_records`, and nothing of the request is stored. */
  readonly withoutDetail?: boolean
}

export type ScriptedSink = {
  readonly url: string
  /** Everything that arrived, in order. */
  readonly requests: readonly SinkRequest[]
  readonly state: SinkState
  /** Requests by the fault they met, and how often: the proof that a fault happened. */
  readonly faults: ReadonlyMap<string, number>
  /** Requests answered at the same time, at most. */
  readonly concurrencyMax: number
  /** Decides on the fault of each request; undefined = none. */
  script(decide: (request: SinkRequest) => SinkFault | undefined): void
  setSecret(secret: string): void
  close(): Promise<void>
}

const inflate = promisify(gunzip)

/** A server that obeys the rules of the public API (strict import, dedup, limits), and misbehaves as told. */
export async function startScriptedSink(options: SinkOptions): Promise<ScriptedSink> {
  const state = new SinkState()
  const requests: SinkRequest[] = []
  const faults = new Map<string, number>()
  let secret = options.secret
  let decide: (request: SinkRequest) => SinkFault | undefined = () => undefined
  let [concurrent, concurrencyMax] = [0, 0]

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    concurrencyMax = Math.max(concurrencyMax, ++concurrent)
    try {
      const url = new URL(request.url!, 'http://sink')
      const body = await readBody(request)
      const records = url.pathname.startsWith('/lookup-tables/') ? null : parseRecords(body)
      const seen: SinkRequest = {
        n: requests.length,
        method: request.method!,
        path: url.pathname,
        projectId: url.searchParams.get('project_id') ?? '',
        records: records?.length ?? 0,
        atMs: performance.now(),
      }
      requests.push(seen)
      const fault = decide(seen)
      if (fault) faults.set(faultName(fault), (faults.get(faultName(fault)) ?? 0) + 1)
      if (fault && (await breakOff(fault, response))) return
      const answer = isAuthorized(request, options.username, secret)
        ? store(state, seen, records, body, options)
        : { status: 401, json: { code: 401, error: 'Invalid credentials', status: 'Unauthorized' } }
      if (fault?.kind === 'delay') await sleep(fault.ms)
      if (fault?.kind === 'lost_answer') response.socket?.destroy()
      else if (fault?.kind === 'garbage') response.writeHead(200).end(fault.body)
      else response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.json))
    } finally {
      concurrent--
    }
  }
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.socket?.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    state,
    faults,
    get concurrencyMax() {
      return concurrencyMax
    },
    script(next) {
      decide = next
    },
    setSecret(next) {
      secret = next
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

type Answer = { readonly status: number; readonly json: object }

function store(
  state: SinkState,
  { path, projectId }: SinkRequest,
  records: SinkRecord[] | null,
  body: Buffer,
  { recordsMax = 2000, bytesMax = 10 * 1024 * 1024, withoutDetail = false }: SinkOptions,
): Answer {
  if (records === null) {
    if (!path.startsWith('/lookup-tables/')) return badRequest('the body is no JSON array')
    state.replaceTable(decodeURIComponent(path.slice('/lookup-tables/'.length)), body.toString('utf8'))
    return { status: 200, json: { code: 200, status: 'OK' } }
  }
  if (records.length > recordsMax || body.length > bytesMax) {
    return { status: 413, json: { code: 413, error: 'request exceeds the limit', status: 'Request Entity Too Large' } }
  }
  const failed = state.problems(path, records)
  if (failed.length > 0 && withoutDetail) return badRequest('some data points in the request failed validation')
  const bad = new Set(failed.map(({ index }) => index))
  const good = records.filter((_, index) => !bad.has(index))
  state.apply(path, projectId, good)
  const counted = { num_records_imported: good.length }
  if (failed.length === 0) return { status: 200, json: { code: 200, ...counted, status: 'OK' } }
  const error = 'some data points in the request failed validation'
  return { status: 400, json: { code: 400, error, failed_records: failed, ...counted, status: 'Bad Request' } }
}

function badRequest(error: string): Answer {
  return { status: 400, json: { code: 400, error, status: 'Bad Request' } }
}

/** Plays the faults that store nothing; true when the request is over. */
async function breakOff(fault: SinkFault, response: ServerResponse): Promise<boolean> {
  switch (fault.kind) {
    case 'status': {
      const { status, retryAfterS, body = JSON.stringify({ code: status, error: 'scripted' }) } = fault
      response.writeHead(status, retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) })
      response.end(status === 204 ? undefined : body)
      return true
    }
    case 'endless':
      response.writeHead(200)
      while (!response.destroyed) {
        response.write('x'.repeat(64 * 1024))
        await sleep(1)
      }
      return true
    case 'gzip_bomb':
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(64 * 1024 * 1024)))
      return true
    case 'silence':
      await once(response, 'close')
      return true
    default:
      return false
  }
}

function faultName(fault: SinkFault): string {
  return fault.kind === 'status' ? `status_${fault.status}` : fault.kind
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  return request.headers['content-encoding'] === 'gzip' ? inflate(body) : body
}

function parseRecords(body: Buffer): SinkRecord[] | null {
  try {
    const parsed = JSON.parse(body.toString('utf8'))
    return Array.isArray(parsed) ? parsed : null
  } catch {
    return null
  }
}

function isAuthorized(request: IncomingMessage, username: string, secret: string): boolean {
  return request.headers.authorization === `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`
}
