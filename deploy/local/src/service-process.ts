import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkoutRoot } from './servers/installed-tools.ts'
import { type Server, startServer } from './servers/server-process.ts'
import { until } from './servers/until.ts'

export const serviceNames = ['control-api', 'scheduler', 'extractor', 'transformer', 'loader', 'ingestion'] as const
export type ServiceName = (typeof serviceNames)[number]

export type ServiceProcessOptions = {
  readonly service: ServiceName
  /** Number of this process among those of its service, from 0. */
  readonly index: number
  readonly dir: string
  readonly adminPort: number
  readonly env: Readonly<Record<string, string>>
  /** Only for its first life: failpoints that end it must not end it again. */
  readonly firstLifeEnv?: Readonly<Record<string, string>>
  readonly nodeFlags: readonly string[]
  readonly say: (line: string) => void
}

/** A service of the stack. One that ends by itself is started again, as a cluster would do it. */
export type ServiceProcess = Server & {
  readonly service: ServiceName
  readonly index: number
  readonly adminUrl: string
  /** Its settings. Secrets stand in files that it names. */
  readonly env: Readonly<Record<string, string>>
  /** How often it ended without being asked to. */
  readonly failures: number
}

const READY_MS = 60_000
const RESTART_PAUSE_MS = 500
const RESTART_PAUSE_MS_MAX = 10_000

/** Starts one service from its sources and waits until it says that it is ready. */
export async function startServiceProcess(options: ServiceProcessOptions): Promise<ServiceProcess> {
  const { service, index, adminPort, say } = options
  const name = `${service}-${index}`
  const adminUrl = `http://127.0.0.1:${adminPort}`
  let lives = 0
  let failures = 0
  /** The watch that is on duty; none while the service has been told to end. */
  let duty: symbol | undefined

  const server = await startServer({
    name,
    dir: options.dir,
    launch: () => ({
      command: path.join(checkoutRoot, 'node_modules/.bin/node'),
      args: [...options.nodeFlags, path.join(checkoutRoot, 'services', service, 'src/main.ts')],
      cwd: checkoutRoot,
      env: { ...inherited(), ...options.env, ...(lives++ === 0 ? options.firstLifeEnv : {}) },
    }),
    ready: ({ signal }) =>
      until(() => isReady(adminUrl, signal), { timeoutMs: READY_MS, everyMs: 100, what: `${adminUrl}/readyz`, signal }),
  })

  async function watch(): Promise<void> {
    const mine = Symbol(name)
    duty = mine
    for (let pause = RESTART_PAUSE_MS; ; pause = Math.min(RESTART_PAUSE_MS_MAX, pause * 2)) {
      const started = performance.now()
      const exit = await server.exited
      if (duty !== mine) return
      failures++
      say(
        `${name} ended by itself (${exit.signal ?? `exit code ${exit.code}`}), starting it again; see ${server.logFile}`,
      )
      if (performance.now() - started > READY_MS) pause = RESTART_PAUSE_MS
      await sleep(pause)
      if (duty !== mine) return
      await server.start().catch((error) => say(`${name}: ${error.message}`))
    }
  }
  async function start(): Promise<void> {
    await server.start()
    if (duty === undefined) void watch()
  }

  async function stop(): Promise<void> {
    duty = undefined
    await server.stop()
  }

  void watch()
  return {
    service,
    index,
    adminUrl,
    env: options.env,
    name,
    logFile: server.logFile,
    get pid() {
      return server.pid
    },
    get running() {
      return server.running
    },
    get exited() {
      return server.exited
    },
    get failures() {
      return failures
    },
    signal: (signal) => server.signal(signal),
    async kill(signal) {
      duty = undefined
      return await server.kill(signal)
    },
    start,
    restart: async () => {
      await stop()
      await start()
    },
    stop,
  }
}

async function isReady(adminUrl: string, signal: AbortSignal): Promise<boolean> {
  const response = await fetch(`${adminUrl}/readyz`, { signal })
  const text = await response.text()
  if (!response.ok) throw new Error(text.trim())
  return true
}

/** The environment of this process without the settings of Millrace: a stack is described by its options alone. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_')))
}
