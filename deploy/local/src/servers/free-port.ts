import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

const LOWEST = 20_000
const HIGHEST = 32_767
const TRIES_MAX = 50

/**
 * A loopback port that nobody listens on. It lies below the range from which the system takes ports for outgoing connections, so that
 * none of those can take it between this call and a server's start, or while a killed server waits for its restart on the same port.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const port = randomInt(LOWEST, HIGHEST + 1)
    if (await isFree(port)) return port
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
