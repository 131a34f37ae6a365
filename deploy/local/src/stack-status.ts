import { connect } from 'node:net'
import type { ProcessEntry, StackRecord } from './stack-record.ts'

export type StackStatus = { readonly table: string; readonly healthy: boolean }

const ANSWER_MS = 3_000

/** Asks every part of a stack how it is, and gives a table for people. */
export async function stackStatus({ addresses, processes }: StackRecord): Promise<StackStatus> {
  const health = await Promise.all(processes.map(healthOf))
  const places = new Map([
    ['control-api-0', addresses.api],
    ['ingestion-0', addresses.ingestion],
  ])
  const rows = processes.map((process, i) => [process.name, placeOf(process, places), health[i] ?? 'ready'])
  const table = formatTable([['part', 'address', 'health'], ...rows])
  return { table: `${table}\n\nAPI docs: ${addresses.docs}`, healthy: health.every((trouble) => trouble === undefined) }
}

function placeOf(process: ProcessEntry, places: ReadonlyMap<string, string>): string {
  const own = places.get(process.name)
  if (own !== undefined) return own
  return process.adminUrl === undefined ? `127.0.0.1:${process.port}` : `${process.adminUrl} (metrics, health)`
}

/** What is wrong with a part; undefined when it is ready. */
async function healthOf({ adminUrl, port }: ProcessEntry): Promise<string | undefined> {
  try {
    if (adminUrl === undefined) return await connects(port ?? 0)
    const response = await fetch(`${adminUrl}/readyz`, { signal: AbortSignal.timeout(ANSWER_MS) })
    const text = (await response.text()).trim()
    return response.ok ? undefined : text
  } catch {
    return 'down'
  }
}

function connects(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const settle = (result: string | undefined) => {
      socket.destroy()
      resolve(result)
    }
    socket.setTimeout(ANSWER_MS, () => settle('does not answer'))
    socket.once('error', () => settle('down'))
    socket.once('connect', () => settle(undefined))
  })
}

function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd()
  return rows.map(line).join('\n')
}
