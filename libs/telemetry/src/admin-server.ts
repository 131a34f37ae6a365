import { rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from './metrics.ts'

export type AdminServerOptions = {
  /** 0 takes a free port. */
  readonly port: number
  /** Where the port that was taken is written, as decimal text, in one step; removed on close. */
  readonly portFile?: string | undefined
  /** Can the process do its work now? Text is the reason why not. Has `readyMs` to answer. */
  ready(): boolean | string | Promise<boolean | string>
  readonly metrics: Pick<Metrics, 'exposition'>
  /** Address to listen on; `MILLRACE_BIND`, else loopback only. */
  readonly host?: string
}

export type AdminServer = { readonly url: string; close(): Promise<void> }

const readyMs = 2000

/**
 * Serves `/livez` (the event loop turns), `/readyz` (200 or 503 with the reason) and `/metrics` (Prometheus text).
 * Rejects when the port cannot be taken.
 */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const host = options.host ?? process.env.MILLRACE_BIND ?? '127.0.0.1'
  const server = createServer((request, response) => void answer(options, request, response))
  server.headersTimeout = 5000
  server.requestTimeout = 10_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const { port } = server.address() as AddressInfo
  if (options.portFile) await writeAtomically(options.portFile, String(port))
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    async close() {
      if (options.portFile) await rm(options.portFile, { force: true })
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

async function answer(options: AdminServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '').split('?', 1)[0]
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'only GET\n')
  switch (path) {
    case '/livez':
      return send(response, 200, 'ok\n')
    case '/readyz': {
      const ready = await readiness(options.ready)
      return ready === true ? send(response, 200, 'ok\n') : send(response, 503, `${ready || 'not ready'}\n`)
    }
    case '/metrics':
      try {
        return send(response, 200, await options.metrics.exposition(), 'text/plain; version=0.0.4; charset=utf-8')
      } catch (error) {
        return send(response, 500, `${(error as Error).message}\n`)
      }
    default:
      return send(response, 404, 'try /livez, /readyz or /metrics\n')
  }
}

async function readiness(ready: AdminServerOptions['ready']): Promise<boolean | string> {
  const late = Promise.withResolvers<string>()
  const timer = setTimeout(() => late.resolve(`no answer within ${readyMs} ms`), readyMs)
  try {
    return await Promise.race([ready(), late.promise])
  } catch (error) {
    return (error as Error).message
  } finally {
    clearTimeout(timer)
  }
}

function send(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body)
}

/** Readers see the old file, no file, or the whole new one. */
async function writeAtomically(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.tmp`
  await writeFile(draft, text)
  await rename(draft, file)
}
