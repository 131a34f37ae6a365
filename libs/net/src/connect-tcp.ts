import { connect, type Socket } from 'node:net'
import { unreachable } from './net-error.ts'
import type { NetPolicy } from './net-policy.ts'
import { resolveHost } from './resolve-host.ts'

export const connectMs = 10_000
const keepAliveMs = 30_000

/** A TCP connection to an IPv4 host that the policy allows. Throws `NetError`, or the signal's reason. */
export async function connectTcp(host: string, port: number, policy: NetPolicy, signal: AbortSignal): Promise<Socket> {
  const { address } = await resolveHost({ host, port, family: 4, policy })
  signal.throwIfAborted()
  return await new Promise<Socket>((resolve, reject) => {
    const socket = connect({
      host: address,
      port,
      family: 4,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
    })
    const end = (error: unknown) => {
      settle()
      socket.destroy()
      reject(error)
    }
    const onError = (error: Error) => end(unreachable('host_unreachable', error))
    const onAbort = () => end(signal.reason)
    const timer = setTimeout(() => end(unreachable('host_unreachable')), connectMs)
    const settle = () => {
      clearTimeout(timer)
      socket.off('error', onError)
      signal.removeEventListener('abort', onAbort)
      // Errors of a socket that is being destroyed are no news.
      socket.on('error', () => undefined)
    }
    socket.once('error', onError)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('connect', () => {
      settle()
      resolve(socket)
    })
  })
}
