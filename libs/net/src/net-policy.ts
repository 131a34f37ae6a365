import { BlockList, isIPv4, isIPv6 } from 'node:net'
import { NetError } from './net-error.ts'

/** What an operator allows beyond public addresses on the usual ports. Never set by a tenant. */
export type NetPolicy = {
  /** Networks that may be connected to although they are not public, on any port: `10.1.0.0/16`, `127.0.0.0/8`. */
  readonly allowedCidrs: readonly string[]
  /** More ports of public addresses. */
  readonly allowedPorts?: readonly number[]
}

/** Postgres, Redshift, HTTPS, SSH. */
const usualPorts: ReadonlySet<number> = new Set([5432, 5439, 443, 22])

/**
 * Not public: https://www.iana.org/assignments/iana-ipv4-special-registry and its counterpart for IPv6. Two lists, since
 * a rule for mapped addresses (::ffff:0:0/96) would match every IPv4 address too.
 */
const notPublic = {
  ipv4: blockList([
    '0.0.0.0/8',
    '10.0.0.0/8',
    '100.64.0.0/10',
    '127.0.0.0/8',
    '169.254.0.0/16',
    '172.16.0.0/12',
    '192.0.0.0/24',
    '192.0.2.0/24',
    '192.88.99.0/24',
    '192.168.0.0/16',
    '198.18.0.0/15',
    '198.51.100.0/24',
    '203.0.113.0/24',
    '224.0.0.0/4',
    '240.0.0.0/4',
  ]),
  ipv6: blockList([
    '::/96',
    '::ffff:0:0/96',
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '100::/64',
    '2001::/23',
    '2001:db8::/32',
    '2002::/16',
    '3fff::/20',
    'fc00::/7',
    'fe80::/10',
    'fec0::/10',
    'ff00::/8',
  ]),
}

/** Addresses that only the machine itself or its cloud answers on: refused behind a bastion as well. */
const ownMachine = blockList(['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4'])

const ownMachineNames: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
])

/** Throws `NetError` unless the policy allows a connection to the address. */
export function checkAddress(address: string, port: number, policy: NetPolicy): void {
  if (isAllowedByOperator(address, policy)) return
  if (inList(notPublic[isIPv6(address) ? 'ipv6' : 'ipv4'], address)) throw hostNotAllowed()
  checkPort(port, policy)
}

/** Throws `NetError` unless a bastion may be asked to connect to the host. Private networks are what bastions are for. */
export function checkBehindBastion(host: string, port: number, policy: NetPolicy): void {
  const address = host === 'localhost' || host.endsWith('.localhost') ? '127.0.0.1' : host
  if (isIPv4(address)) {
    if (isAllowedByOperator(address, policy)) return
    if (inList(ownMachine, address)) throw hostNotAllowed()
  } else if (ownMachineNames.has(host)) throw hostNotAllowed()
  checkPort(port, policy)
}

/** Whether the operator has listed the address as allowed. */
export function isAllowedByOperator(address: string, policy: NetPolicy): boolean {
  return inList(blockList(policy.allowedCidrs), address)
}

function checkPort(port: number, policy: NetPolicy): void {
  if (usualPorts.has(port) || policy.allowedPorts?.includes(port)) return
  throw new NetError(
    'port_not_allowed',
    `Port ${port} is not one that Millrace may connect to.`,
    'Use the usual port, or ask the operator of this installation to allow the port.',
  )
}

export function hostNotAllowed(): NetError {
  return new NetError(
    'host_not_allowed',
    'The host is not one that Millrace may connect to.',
    'It must have a public address only, or lie in a network that the operator of this installation has allowed (MILLRACE_ALLOWED_CIDRS).',
  )
}

function inList(list: BlockList, address: string): boolean {
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

function blockList(cidrs: readonly string[]): BlockList {
  const list = new BlockList()
  for (const cidr of cidrs) {
    const [network = '', bits = ''] = cidr.split('/')
    const family = isIPv4(network) ? 'ipv4' : isIPv6(network) ? 'ipv6' : null
    if (family === null || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 'ipv4' ? 32 : 128)) {
      throw new Error(`"${cidr}" is no network; write it as 10.0.0.0/8`)
    }
    list.addSubnet(network, Number(bits), family)
  }
  return list
}
