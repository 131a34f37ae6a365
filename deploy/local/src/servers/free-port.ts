import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

const LOWEST = 20_000
const HIGHEST = 32_767
const TRIES_MAX = 50

/** Processes that look at the same time, such as two test files, mostly look in different parts of the range. */
const PARTS = 50
const PART_PORTS = Math.floor((HIGHEST - LOWEST + 1) / PARTS)

/** What this process was given: its server may not listen yet. */
const given = new Set<number>()

/**
 * A loopback port that nobody listens on, another one at each call. It lies below the range from which the system takes ports for outgoing
 * connections, so that none of those can take it between this call and a server's start, or while a killed server waits for its restart on
 * the same port.
 */
export async function freePort(): Promise<number> {
  const lowest = LOWEST + (process.pid % PARTS) * PART_PORTS
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = tries < TRIES_MAX / 2 ? lowest + randomInt(PART_PORTS) : randomInt(LOWEST, HIGHEST + 1)
    if (given.has(port) || !(await isFree(port)) || given.has(port)) continue
    given.add(port)
    return port
  }
  throw new Error(`No free port found between ${LOWEST} and ${HIGHEST} in ${TRIES_MAX} tries`)
}

/** Whether a server could listen on the loopback port now. */
export async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
