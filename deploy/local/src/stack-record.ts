import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { Stack, StackAddresses } from './stack.ts'
import { writeWhole } from './stack-state.ts'

/** What another process can know of a running stack. No secrets: those stay in their files. */
export type StackRecord = {
  readonly addresses: StackAddresses
  readonly processes: readonly ProcessEntry[]
}

export type ProcessEntry = {
  readonly name: string
  readonly pid: number
  readonly logFile: string
  /** Where it says how it is; servers have none, they are looked at by their port. */
  readonly adminUrl?: string
  readonly env?: Readonly<Record<string, string>>
  readonly port?: number
}

/** Writes down where a stack's parts are, for `status` and `logs`. */
export function writeStackRecord(stack: Stack): void {
  const servers = Object.values(stack.servers).map(({ name, pid, logFile, port }) => ({ name, pid, logFile, port }))
  const services = stack
    .services()
    .map(({ name, pid, logFile, adminUrl, env }) => ({ name, pid, logFile, adminUrl, env }))
  const record: StackRecord = { addresses: stack.addresses, processes: [...servers, ...services] }
  writeWhole(recordFile(stack.dir), JSON.stringify(record, null, 2))
}

export function readStackRecord(dir: string): StackRecord | undefined {
  const file = recordFile(dir)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as StackRecord) : undefined
}

export function removeStackRecord(dir: string): void {
  rmSync(recordFile(dir), { force: true })
}

function recordFile(dir: string): string {
  return path.join(dir, 'stack.json')
}
