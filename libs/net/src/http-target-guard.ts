import { Agent, buildConnector } from 'undici'
import { hostNameProblem } from './host-name.ts'
import { NetError } from './net-error.ts'
import { isAllowedByOperator, type NetPolicy } from './net-policy.ts'
import { type Lookup, resolveHost } from './resolve-host.ts'

export type HttpTargetGuard = {
  /** Looks up the host and checks it now, so that a wrong base URL is an error when it is entered. Throws `NetError`. */
  check(baseUrl: string): Promise<void>
  /** undici dispatcher whose every connection goes to an address that was checked a moment ago. Follows no redirects. */
  readonly agent: Agent
}

export type HttpTargetGuardOptions = {
  readonly policy: NetPolicy
  /** Passed on to undici: connections, timeouts, pipelining. */
  readonly agent?: Omit<Agent.Options, 'connect'>
  readonly lookup?: Lookup
}

const connectMs = 10_000

/**
 * The guard between HTTP clients and the network: https only, plain http and private addresses only where the operator
 * has allowed the network. The check stands at the socket, so no path around it exists for whoever uses the agent.
 */
export function httpTargetGuard({ policy, agent, lookup }: HttpTargetGuardOptions): HttpTargetGuard {
  const connector = buildConnector({ timeout: connectMs, rejectUnauthorized: true })
  const resolve = async (protocol: string, host: string, port: number) => {
    const secured = protocol === 'https:'
    // Where plain http is allowed every port is; elsewhere the missing s is the news, not the port.
    const { name, address } = await resolveHost({ host, port: secured ? port : 443, family: 0, policy, lookup })
    if (!secured && !isAllowedByOperator(address, policy)) {
      throw new NetError(
        'tls_required',
        'The address must begin with https://.',
        'Plain http is for networks that the operator has allowed.',
      )
    }
    return { name, address }
  }
  return {
    async check(baseUrl) {
      const { protocol, host, port } = parseBaseUrl(baseUrl)
      await resolve(protocol, host, port)
    },
    agent: new Agent({
      ...agent,
      connect: (options, callback) => {
        const port = Number(options.port || (options.protocol === 'https:' ? 443 : 80))
        resolve(options.protocol, options.hostname, port).then(
          ({ name, address }) =>
            connector({ ...options, hostname: address, servername: name === address ? undefined : name }, callback),
          (error) => callback(error, null),
        )
      },
    }),
  }
}

function parseBaseUrl(text: string): { readonly protocol: string; readonly host: string; readonly port: number } {
  const invalid = (why: string) =>
    new NetError(
      'host_invalid',
      `The address ${why}.`,
      'Give it in the form https://host, with a path if there is one.',
    )
  if (!URL.canParse(text)) throw invalid('is no URL')
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw invalid('must begin with https://')
  if (url.username !== '' || url.password !== '') throw invalid('must not hold a user name or password')
  if (url.search !== '' || url.hash !== '') throw invalid('must not hold ? or #')
  // The host as it was written: the URL parser turns 0x7f.1 into 127.0.0.1 without a word.
  const host = /^[a-z]+:\/\/([^/:?#]*|\[[^\]]*\])/i.exec(text)?.[1] ?? ''
  const problem = hostNameProblem(host)
  if (problem !== null) throw invalid(`has a host that is refused: it ${problem}`)
  return { protocol: url.protocol, host, port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)) }
}
