import { setTimeout as sleep } from 'node:timers/promises'
import type { Server } from '@millrace/local-stack/servers/server-process.ts'
import type { LoadedRows } from './loaded-rows.ts'
import { type Strike, strikeText } from './schedule.ts'

export type StruckRun = {
  readonly runId: string
  readonly rows: number
  readonly strikes: readonly Strike[]
  readonly victims: ReadonlyMap<string, Server>
  readonly loaded: LoadedRows
  /** Aborted when the run has ended: what has not fallen by then does not fall. */
  readonly ended: AbortSignal
  say(line: string): void
}

const lookMs = 20

/** Lets the strikes fall as the run gets on, and heals each. Settles when everything runs again; gives how many fell before the run's end. */
export async function strikeRun({ runId, rows, strikes, victims, loaded, ended, say }: StruckRun): Promise<number> {
  const healing = new Map<string, Promise<void>>()
  let fallen = 0
  for (const strike of strikes) {
    const due = strike.at * rows
    for (let now = await loaded.of(runId); (now ?? -1) < due && !ended.aborted; now = await loaded.of(runId)) {
      await sleep(lookMs)
    }
    // One that is away already comes back first.
    await healing.get(strike.victim)
    if (ended.aborted) break
    const server = victims.get(strike.victim)
    if (server === undefined) throw new Error(`The stack has no ${strike.victim}`)
    say(`  ${strikeText(strike)}`)
    fallen++
    healing.set(strike.victim, fall(server, strike))
  }
  await Promise.all(healing.values())
  return fallen
}

async function fall(server: Server, { how, awayMs }: Strike): Promise<void> {
  if (how === 'SIGSTOP') {
    server.signal('SIGSTOP')
    await sleep(awayMs)
    server.signal('SIGCONT')
    return
  }
  await server.kill()
  await sleep(awayMs)
  await server.start()
}
