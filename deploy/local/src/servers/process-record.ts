import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { until } from './until.ts'

const SUFFIX = '.process.json'

/** Names one process for good: a process id alone is given to another process later. */
export type ProcessIdentity = { readonly pid: number; readonly started: string }

/** The identity of a running process; undefined when there is none with this id. */
export function identify(pid: number): ProcessIdentity | undefined {
  const started = process.platform === 'linux' ? startedOnLinux(pid) : startedElsewhere(pid)
  return started === undefined ? undefined : { pid, started }
}

export function isRunning(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.started === identity.started
}

/** Notes a child in the state folder, so that a later start can end it when this process was killed and could not. */
export function recordProcess(dir: string, name: string, pid: number): void {
  const identity = identify(pid)
  if (identity !== undefined) writeFileSync(recordFile(dir, name), JSON.stringify(identity))
}

export function forgetProcess(dir: string, name: string): void {
  rmSync(recordFile(dir, name), { force: true })
}

/** The process recorded under the name when it still runs. */
export function recordedProcess(dir: string, name: string): ProcessIdentity | undefined {
  const identity = readRecord(recordFile(dir, name))
  return identity !== undefined && isRunning(identity) ? identity : undefined
}

/**
 * Ends what a killed predecessor left running in a state folder. Only a process whose id and start time are those recorded is touched.
 * Gives the names of what it ended.
 */
export async function reapLeftovers(dir: string, graceMs = 5_000): Promise<string[]> {
  const files = readdirSync(dir).filter((file) => file.endsWith(SUFFIX))
  const reaped = files.map(async (file) => {
    const name = file.slice(0, -SUFFIX.length)
    const left = recordedProcess(dir, name)
    if (left !== undefined) await endProcess(left, graceMs)
    forgetProcess(dir, name)
    return left === undefined ? undefined : name
  })
  return (await Promise.all(reaped)).filter((name) => name !== undefined)
}

/** SIGTERM, and SIGKILL when the process has not ended `graceMs` later. */
export async function endProcess(identity: ProcessIdentity, graceMs: number): Promise<void> {
  signalProcess(identity, 'SIGTERM')
  // A stopped process (SIGSTOP) does not see SIGTERM before it is continued.
  signalProcess(identity, 'SIGCONT')
  const ended = await until(() => !isRunning(identity), { timeoutMs: graceMs }).catch(() => false)
  if (ended) return
  signalProcess(identity, 'SIGKILL')
  await until(() => !isRunning(identity), { what: `the end of process ${identity.pid}` })
}

function signalProcess(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(identity)) return
  try {
    process.kill(identity.pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function recordFile(dir: string, name: string): string {
  return path.join(dir, `${name}${SUFFIX}`)
}

function readRecord(file: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined // absent, or cut short by a crash: then nothing can be proven to be ours
  }
}

/** Boot id and start time in clock ticks since boot (proc(5), stat, field 22); a zombie has ended. */
function startedOnLinux(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is the program's name in brackets and may itself hold blanks and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`
  } catch {
    return undefined
  }
}

function startedElsewhere(pid: number): string | undefined {
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
  } catch {
    return undefined
  }
}
