import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { forgetProcess, recordProcess } from './process-record.ts'

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export type Launch = {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  /** Run as this user; only root can. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly readAnyFile: boolean }
}

export type ServerOptions = {
  readonly name: string
  /** State folder: `<name>.log` and the record of the process lie here. */
  readonly dir: string
  readonly launch: () => Launch | Promise<Launch>
  /** Settles when the server answers; called again after each start. Fails when it will not. */
  readonly ready: (process: { readonly logSince: () => string; readonly signal: AbortSignal }) => Promise<unknown>
  /** The signal that asks the server to end in order; default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals
  /** SIGKILL follows after this many ms; default 10 000. */
  readonly stopMs?: number
}

/** A child process that serves, can be killed and be started again on the same data and port. */
export type Server = {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  readonly running: boolean
  /** Ends when the present process does. */
  readonly exited: Promise<Exit>
  /** Sends a signal without waiting (SIGSTOP, SIGCONT). */
  signal(signal: NodeJS.Signals): void
  /** Sends a signal that ends the process (default SIGKILL) and waits for its end. */
  kill(signal?: NodeJS.Signals): Promise<Exit>
  /** Starts it again after its end, on the same data and port, and waits until it answers. */
  start(): Promise<void>
  /** Ends it in order, then starts it again. */
  restart(): Promise<void>
  /** Ends it in order, by force after a grace time. May be called twice. */
  stop(): Promise<void>
}

/** The server ended before it answered, or answered too late. The end of its log is in the message. */
export class ServerStartError extends Error {
  readonly code = 'SERVER_START'
  readonly hint: string

  constructor(name: string, why: string, logFile: string, logEnd: string, cause?: unknown) {
    super(`${name} did not start: ${why}\n${logEnd}`, { cause })
    this.name = 'ServerStartError'
    this.hint = `Read ${logFile}`
  }
}

// setpriv (util-linux) makes the kernel end the child when this process dies, even by SIGKILL. Without it (other systems) the
// record of the process lets the next start end it.
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'].find((file) => existsSync(file))

/** Starts a server and waits until it answers. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { name, dir, stopSignal = 'SIGTERM', stopMs = 10_000 } = options
  mkdirSync(dir, { recursive: true })
  const logFile = path.join(dir, `${name}.log`)
  let child: ChildProcess | undefined
  let exited: Promise<Exit> = Promise.resolve({ code: 0, signal: null })

  const running = () => child !== undefined && child.exitCode === null && child.signalCode === null

  async function start(): Promise<void> {
    if (running()) return
    const launch = await options.launch()
    const logStart = existsSync(logFile) ? statSync(logFile).size : 0
    const started = spawnLogged(launch, stopSignal, logFile)
    exited = awaitExit(started)
    child = started
    await onceSpawned(started, name)
    recordProcess(dir, name, started.pid!)
    const logSince = () => readFileSync(logFile).subarray(logStart).toString()
    const abort = new AbortController()
    const endedEarly = exited.then((exit) => {
      throw new ServerStartError(name, `it ended (${describeExit(exit)})`, logFile, lastLines(logSince()))
    })
    const ready = options.ready({ logSince, signal: abort.signal }).catch((error) => {
      throw new ServerStartError(name, error.message, logFile, lastLines(logSince()), error)
    })
    try {
      await Promise.race([ready, endedEarly])
    } catch (error) {
      abort.abort()
      await Promise.allSettled([stop(), ready])
      throw error
    } finally {
      endedEarly.catch(() => undefined) // its end after the race is no news
    }
  }

  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    if (running()) child?.kill(signal)
    return await exited
  }

  async function stop(): Promise<void> {
    if (running()) {
      const force = setTimeout(() => child?.kill('SIGKILL'), stopMs)
      child?.kill(stopSignal)
      child?.kill('SIGCONT')
      await exited
      clearTimeout(force)
    }
    forgetProcess(dir, name)
  }

  await start()
  return {
    name,
    logFile,
    get pid() {
      return child?.pid ?? 0
    },
    get running() {
      return running()
    },
    get exited() {
      return exited
    },
    signal: (signal) => void child?.kill(signal),
    kill,
    start,
    restart: async () => {
      await stop()
      await start()
    },
    stop,
  }
}

function spawnLogged(launch: Launch, deathSignal: NodeJS.Signals, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a')
  const [command, args] = commandFor(launch, deathSignal)
  const ids = SETPRIV === undefined && launch.user ? { uid: launch.user.uid, gid: launch.user.gid } : {}
  try {
    return spawn(command, args, {
      cwd: launch.cwd,
      env: launch.env ?? process.env,
      stdio: ['ignore', log, log],
      // A group of its own: Ctrl-C in a terminal reaches only us, and we end the children in the right order.
      detached: true,
      ...ids,
    })
  } finally {
    closeSync(log)
  }
}

/** The command line that runs a program as its user, and ends it by `deathSignal` when this process dies. */
export function commandFor({ command, args, user }: Launch, deathSignal: NodeJS.Signals): [string, string[]] {
  if (SETPRIV === undefined) return [command, [...args]]
  const flags = ['--pdeathsig', deathSignal.slice('SIG'.length)]
  if (user !== undefined) flags.push('--reuid', `${user.uid}`, '--regid', `${user.gid}`, '--clear-groups')
  if (user?.readAnyFile) flags.push('--inh-caps', '+dac_override', '--ambient-caps', '+dac_override')
  return [SETPRIV, [...flags, '--', command, ...args]]
}

async function awaitExit(child: ChildProcess): Promise<Exit> {
  return await new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: 127, signal: null }))
  })
}

async function onceSpawned(child: ChildProcess, name: string): Promise<void> {
  if (child.pid !== undefined) return
  const [error] = await once(child, 'error')
  throw new Error(`${name} cannot be started`, { cause: error })
}

function describeExit({ code, signal }: Exit): string {
  return signal ?? `exit code ${code}`
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-15).join('\n')
}
