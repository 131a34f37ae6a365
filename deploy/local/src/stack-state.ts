import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { freePort, isFree } from './servers/free-port.ts'
import { reapLeftovers, recordedProcess, recordProcess } from './servers/process-record.ts'

/** Another process runs a stack in this folder. */
export class StackInUseError extends Error {
  readonly code = 'STACK_IN_USE'
  readonly hint = 'End that one first (npm run stack -- down), or give this one another folder.'

  constructor(dir: string, pid: number) {
    super(`Process ${pid} runs a stack in ${dir}. End that one first (npm run stack -- down), or use another folder.`)
    this.name = 'StackInUseError'
  }
}

/** What a stack keeps between its lives: the ports of its servers and its secrets, each in a file for its owner only. */
export type StackState = {
  readonly dir: string
  /** The port that `name` had in the life before while that is still free, else a new one. */
  port(name: string): Promise<number>
  /** File with a secret, made by `make` when there is none yet. Mode 0600. */
  secretFile(name: string, make?: () => string): string
  secret(name: string): string
  /** A folder of its own for one server. */
  folder(name: string): string
}

const HOLDER = 'stack'

/**
 * Takes a state folder for this process, and ends what a killed predecessor left running in it. Throws `StackInUseError` when its
 * holder still lives.
 */
export async function openStackState(dir: string): Promise<StackState> {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const holder = recordedProcess(dir, HOLDER)
  if (holder !== undefined && holder.pid !== process.pid) throw new StackInUseError(dir, holder.pid)
  await reapIn(dir)
  recordProcess(dir, HOLDER, process.pid)
  const portsFile = path.join(dir, 'ports.json')
  const ports = readPorts(portsFile)
  const secrets = path.join(dir, 'secrets')
  mkdirSync(secrets, { recursive: true, mode: 0o700 })

  const secretFile = (name: string, make = randomSecret): string => {
    const file = path.join(secrets, name)
    if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o600 })
    return file
  }
  return {
    dir,
    async port(name) {
      const before = ports[name]
      if (before !== undefined && (await isFree(before))) return before
      let port = await freePort()
      while (Object.values(ports).includes(port)) port = await freePort()
      ports[name] = port
      writeWhole(portsFile, JSON.stringify(ports, null, 2))
      return port
    },
    secretFile,
    secret: (name) => readFileSync(secretFile(name), 'utf8').trim(),
    folder(name) {
      const folder = path.join(dir, name)
      mkdirSync(folder, { recursive: true })
      return folder
    },
  }
}

/** Gives the folder free for the next process. */
export function closeStackState(dir: string): void {
  rmSync(path.join(dir, `${HOLDER}.process.json`), { force: true })
}

/** The process that runs a stack in the folder now. */
export function stackHolder(dir: string): { readonly pid: number; readonly started: string } | undefined {
  return recordedProcess(dir, HOLDER)
}

/** Writes a file so that a reader sees the old content or the whole new one. */
export function writeWhole(file: string, text: string): void {
  const draft = `${file}.${process.pid}.tmp`
  writeFileSync(draft, text, { mode: 0o600 })
  renameSync(draft, file)
}

async function reapIn(dir: string): Promise<void> {
  const folders = readdirSync(dir, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  await Promise.all(folders.map((folder) => reapLeftovers(path.join(dir, folder.name))))
}

function readPorts(file: string): Record<string, number> {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}

function randomSecret(): string {
  return randomBytes(24).toString('base64url')
}
