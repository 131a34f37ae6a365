import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { checkoutRoot } from './servers/installed-tools.ts'
import { endProcess, isRunning } from './servers/process-record.ts'
import { until } from './servers/until.ts'
import { type ServiceName, serviceNames } from './service-process.ts'
import { type Stack, startStack } from './stack.ts'
import { type ProcessEntry, readStackRecord, removeStackRecord, writeStackRecord } from './stack-record.ts'
import { stackHolder } from './stack-state.ts'
import { stackStatus } from './stack-status.ts'
import { stopRequested } from './stop-requested.ts'

const USAGE = `usage: npm start                          run the stack in the foreground, until Ctrl-C
       npm run stack -- up                run it in the background
       npm run stack -- down              end it
       npm run stack -- status            its addresses and how its parts are
       npm run stack -- logs <part>       follow a part's log: kafka, postgres, control-api, loader, loader-1, …
       npm run stack -- env <service>     the environment of one more process of a service, for a shell

Data, logs and secrets are kept in .millrace/stack of this checkout, or in the folder that MILLRACE_STACK_DIR names.
MILLRACE_STACK_SERVICES='control-api scheduler' leaves the other services out: run those by hand.`

const UP_MS = 180_000
const DOWN_MS = 60_000

const dir = path.resolve(process.env.MILLRACE_STACK_DIR ?? path.join(checkoutRoot, '.millrace/stack'))
const supervisorLog = path.join(dir, 'stack.log')

/** Runs one command of the stack and gives the exit code. */
async function main([command, ...rest]: readonly string[]): Promise<number> {
  switch (command) {
    case 'start':
      return await runInForeground()
    case 'up':
      return await up()
    case 'down':
      return await down()
    case 'status':
      return await status()
    case 'logs':
      return await logs(rest[0])
    case 'env':
      return env(rest[0])
    default:
      console.error(USAGE)
      return 2
  }
}

async function runInForeground(): Promise<number> {
  const stopped = stopRequested()
  const say = (line: string) => console.log(line)
  const stack = await startStack({ dir, partitions: partitions(), counts: counts(), say })
  try {
    writeStackRecord(stack)
    say(welcome(stack))
    await stopped
    say('ending the stack; its data stays')
  } finally {
    removeStackRecord(dir)
    await stack.stop()
  }
  return 0
}

/** Starts a supervisor that outlives this process, and waits until the stack is ready. */
async function up(): Promise<number> {
  if (stackHolder(dir) !== undefined) {
    console.log('the stack is up already')
    return await status()
  }
  mkdirSync(dir, { recursive: true })
  removeStackRecord(dir)
  const logStart = sizeOf(supervisorLog)
  const log = openSync(supervisorLog, 'a')
  const supervisor = spawn(process.execPath, [import.meta.filename, 'start'], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: checkoutRoot,
  })
  closeSync(log)
  console.log(`starting the stack; its log is ${supervisorLog}`)
  const ended = once(supervisor, 'exit').then(([code]) => {
    throw new Error(
      `The stack did not start (exit code ${code}):\n${readFileSync(supervisorLog, 'utf8').slice(logStart).trimEnd()}`,
    )
  })
  const ready = until(() => readStackRecord(dir) !== undefined, { timeoutMs: UP_MS, everyMs: 200, what: 'the stack' })
  await Promise.race([ready, ended])
  ended.catch(() => undefined) // later ends are seen by "status"
  supervisor.unref()
  return await status()
}

async function down(): Promise<number> {
  const holder = stackHolder(dir)
  if (holder === undefined) {
    console.log('no stack is up')
    return 0
  }
  console.log(`ending process ${holder.pid} and all it started`)
  await endProcess(holder, DOWN_MS)
  if (isRunning(holder)) return 1
  console.log('ended; the data stays')
  return 0
}

async function status(): Promise<number> {
  const record = stackHolder(dir) === undefined ? undefined : readStackRecord(dir)
  if (record === undefined) {
    console.log('no stack is up; start one with: npm run stack -- up')
    return 3
  }
  const { table, healthy } = await stackStatus(record)
  console.log(table)
  return healthy ? 0 : 1
}

async function logs(part: string | undefined): Promise<number> {
  const found = partOrComplain('logs', part)
  if (found === undefined) return 2
  const tail = spawn('tail', ['-n', '200', '-F', found.logFile], { stdio: 'inherit' })
  process.on('SIGINT', () => tail.kill())
  process.on('SIGTERM', () => tail.kill())
  await once(tail, 'exit')
  return 0
}

function env(part: string | undefined): number {
  const found = partOrComplain('env', part)
  if (found?.env === undefined) return 2
  // Ports are one process's own; 0 takes a free one.
  const own = { MILLRACE_ADMIN_PORT: '0', MILLRACE_INSTANCE: `${found.name}-by-hand` }
  const port = 'MILLRACE_PORT' in found.env ? { MILLRACE_PORT: '0' } : {}
  for (const [name, value] of Object.entries({ ...found.env, ...own, ...port })) console.log(`${name}='${value}'`)
  return 0
}

/** The part of the running stack with this name; without it says on the screen which there are. */
function partOrComplain(command: string, part: string | undefined): ProcessEntry | undefined {
  const processes = stackHolder(dir) === undefined ? [] : (readStackRecord(dir)?.processes ?? [])
  const found = processes.find(({ name }) => name === part) ?? processes.find(({ name }) => name === `${part}-0`)
  if (found !== undefined) return found
  const names = processes.map(({ name }) => name).join(', ')
  console.error(names === '' ? 'no stack is up' : `usage: npm run stack -- ${command} <part>; parts: ${names}`)
  return undefined
}

function welcome({ addresses, bootstrap, dir: folder }: Stack): string {
  return `
Millrace is up.
  API and its docs   ${addresses.docs}
  destination        ${addresses.ingestion}
  account            ${bootstrap.username}, secret in ${path.join(folder, 'secrets/bootstrap-secret')}
  logs               npm run stack -- logs <part>
End it with Ctrl-C.`
}

function partitions(): number {
  const text = process.env.MILLRACE_PARTITIONS ?? '12'
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1)
    throw new Error(`MILLRACE_PARTITIONS must be a whole number, not "${text}"`)
  return count
}

/** One process of each service, or of those that MILLRACE_STACK_SERVICES names. */
function counts(): Partial<Record<ServiceName, number>> {
  const wanted = process.env.MILLRACE_STACK_SERVICES?.split(/[\s,]+/).filter((name) => name !== '') ?? serviceNames
  const unknown = wanted.find((name) => !serviceNames.some((known) => known === name))
  if (unknown !== undefined)
    throw new Error(`MILLRACE_STACK_SERVICES names "${unknown}"; there are ${serviceNames.join(', ')}`)
  return Object.fromEntries(serviceNames.map((name) => [name, wanted.includes(name) ? 1 : 0]))
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error) => {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  },
)
