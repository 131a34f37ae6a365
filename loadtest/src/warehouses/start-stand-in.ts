import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Server, startServer } from '@millrace/local-stack/servers/server-process.ts'
import { until } from '@millrace/local-stack/servers/until.ts'
import type { StandInAddress, StandInKind, StandInRequest } from './stand-in.ts'

const program = fileURLToPath(new URL('stand-in-main.ts', import.meta.url))
/** Ten million rows are made within it. */
const fillMs = 1_200_000

export type StandInServer = Server & StandInAddress & { change(): Promise<void> }

/** Starts a stand-in as a child process and waits until its table is filled. */
export async function startStandIn(kind: StandInKind, request: StandInRequest): Promise<StandInServer> {
  const { dir, rows, seed } = request
  const address = path.join(dir, 'address.json')
  const changed = path.join(dir, 'changed')
  const server = await startServer({
    name: kind,
    dir,
    launch: () => ({ command: process.execPath, args: [program, kind, dir, String(rows), String(seed)] }),
    ready: ({ signal }) => until(() => existsSync(address), { what: `${rows} rows`, timeoutMs: fillMs, signal }),
  })
  return Object.assign(server, JSON.parse(readFileSync(address, 'utf8')) as StandInAddress, {
    async change() {
      server.signal('SIGUSR2')
      await until(() => existsSync(changed), { what: 'the changes', timeoutMs: fillMs })
    },
  })
}
