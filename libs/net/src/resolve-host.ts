import { lookup } from 'node:dns/promises'
import { isIPv4 } from 'node:net'
import { hostName, hostNameProblem } from './host-name.ts'
import { NetError, unreachable } from './net-error.ts'
import { checkAddress, type NetPolicy } from './net-policy.ts'

/** Every address of a name, as the resolver gives them; in tests another function stands in. */
export type Lookup = (name: string, family: 0 | 4) => Promise<readonly string[]>

export const systemLookup: Lookup = async (name, family) =>
  (await lookup(name, { all: true, family })).map((each) => each.address)

export type HostRequest = {
  readonly host: string
  readonly port: number
  /** 4: IPv4 addresses only, as Postgres sources have it; 0: both. */
  readonly family: 0 | 4
  readonly policy: NetPolicy
  readonly lookup?: Lookup
}

/**
 * The address to connect to: looked up once, and all answers checked, so that no name can lead inside by one of several
 * addresses, or by another answer the second time. Throws `NetError`.
 */
export async function resolveHost(request: HostRequest): Promise<{ readonly name: string; readonly address: string }> {
  const name = hostName(request.host)
  if (name === null) {
    throw new NetError(
      'host_invalid',
      `The host ${hostNameProblem(request.host)}.`,
      'Give a host name such as db.example.com.',
    )
  }
  const addresses = isIPv4(name) ? [name] : await answers(name, request)
  for (const address of addresses) checkAddress(address, request.port, request.policy)
  const address = addresses.find((each) => isIPv4(each)) ?? addresses[0]
  if (address === undefined) throw unreachable('host_not_found')
  return { name, address }
}

async function answers(name: string, { family, lookup = systemLookup }: HostRequest): Promise<readonly string[]> {
  try {
    return await lookup(name, family)
  } catch (error) {
    const { code } = error as { code?: string }
    throw unreachable(code === 'EAI_AGAIN' ? 'host_unreachable' : 'host_not_found', error)
  }
}
