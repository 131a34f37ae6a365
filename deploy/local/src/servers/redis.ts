import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { freePort } from './free-port.ts'
import { type InstalledTools, installedTools } from './installed-tools.ts'
import { type Server, startServer } from './server-process.ts'
import { until } from './until.ts'

export type RedisOptions = {
  readonly dir: string
  readonly port?: number
  /** More settings, as on redis-server's command line without the dashes: `{ maxmemory: '2mb' }`. */
  readonly settings?: Readonly<Record<string, string>>
  readonly tools?: InstalledTools
}

export type RedisServer = Server & { readonly url: string; readonly port: number }

/** Starts a real Redis on loopback that keeps nothing on disk: Millrace keeps nothing in Redis that may not be lost. */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const { dir, settings = {}, tools = installedTools() } = options
  const port = options.port ?? (await freePort())
  mkdirSync(dir, { recursive: true })
  const base = { port: String(port), bind: '127.0.0.1', dir, save: '', appendonly: 'no', daemonize: 'no' }
  const args = Object.entries({ ...base, ...settings }).flatMap(([key, value]) => [`--${key}`, value])
  const server = await startServer({
    name: 'redis',
    dir,
    launch: () => ({ command: tools.redisServer, args }),
    ready: ({ signal }) => until(() => answersPing(port), { what: 'Redis', signal }),
  })
  return Object.assign(server, { url: `redis://127.0.0.1:${port}`, port })
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.setTimeout(1000, () => socket.destroy(new Error('no answer to PING')))
    socket.once('error', reject)
    socket.once('data', (data) => {
      socket.destroy()
      resolve(data.toString().startsWith('+PONG'))
    })
  })
}
