import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Duplex } from 'node:stream'
import { NetError } from '@millrace/net/net-error.ts'
import { isAllowedByOperator, type NetPolicy } from '@millrace/net/net-policy.ts'
import { resolveHost } from '@millrace/net/resolve-host.ts'

type Target = { readonly host?: string | null; readonly port?: number | string | null }
type Done = (error: Error | null, socket?: Duplex) => void
type Connect = (target: Target & { readonly servername?: string }) => Duplex
/** Holds all writes of a socket back until the certificate was found not to be revoked. */
export type SecureSocket = (socket: Duplex, host: string, agent: null) => Duplex

export type GuardedAgents = {
  /** As the SDK asks for one with each request, also with those for parts of results, which lie elsewhere. */
  agentFor(options: { readonly protocol: string }): HttpAgent
  /** What the guard has refused since the last call; the SDK tells it as a network error of its own. */
  refusal(): NetError | null
  close(): void
}

const idleMs = 30_000

/**
 * Agents whose every connection goes to an address that was looked up and checked a moment ago: https only, but where the operator
 * has allowed the network. No proxy of the environment is taken.
 */
export function guardedAgents(policy: NetPolicy, secure: SecureSocket | null): GuardedAgents {
  let refused: NetError | null = null
  const guard = (target: Target, isSecured: boolean, connect: Connect, done: Done) => {
    resolveTarget(target, isSecured, policy).then(
      ({ name, address }) => {
        const socket = connect({ ...target, host: address, ...(name === address ? {} : { servername: name }) })
        done(null, isSecured && secure !== null ? secure(socket, name, null) : socket)
      },
      (error: unknown) => {
        if (error instanceof NetError) refused = error
        done(error as Error)
      },
    )
  }
  const https = new HttpsAgent({ keepAlive: true, timeout: idleMs })
  const http = new HttpAgent({ keepAlive: true, timeout: idleMs })
  for (const agent of [https, http]) {
    const connect = agent.createConnection.bind(agent) as Connect
    agent.createConnection = ((target: Target, done: Done) => {
      guard(target, agent === https, connect, done)
    }) as typeof agent.createConnection
  }
  return {
    agentFor: ({ protocol }) => (protocol === 'https:' ? https : http),
    refusal() {
      const told = refused
      refused = null
      return told
    },
    close() {
      https.destroy()
      http.destroy()
    },
  }
}

async function resolveTarget({ host, port }: Target, isSecured: boolean, policy: NetPolicy) {
  // Where plain http is allowed every port is; elsewhere the missing s is the news, not the port.
  const asked = isSecured ? Number(port ?? 443) : 443
  const { name, address } = await resolveHost({ host: host ?? '', port: asked, family: 0, policy })
  if (!isSecured && !isAllowedByOperator(address, policy))
    throw new NetError(
      'tls_required',
      'Snowflake pointed to an address without https.',
      'Plain http is for networks that the operator has allowed.',
    )
  return { name, address }
}
