import { Agent, type AgentOptions } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import type { LookupFunction } from 'node:net'
import { connections, DBSQLClient } from '@databricks/sql'
import { NetError } from '@millrace/net/net-error.ts'
import { isAllowedByOperator, type NetPolicy } from '@millrace/net/net-policy.ts'
import { resolveHost } from '@millrace/net/resolve-host.ts'
import type { Authorization } from './access.ts'

export type DriverPlace = {
  /** https://host, or what an operator has set instead. */
  readonly origin: URL
  readonly httpPath: string
  readonly policy: NetPolicy
  readonly applicationName: string
}

/** Longer than any single request: statements are asked about, not waited for. */
const socketMs = 300_000
const keptSocketsMax = 16

/**
 * The official driver, whose every connection goes to an address that was checked a moment ago. It asks for its connection
 * through a method that is made to be overridden (`IClientContext.getConnectionProvider`); nothing else of it is changed.
 */
export class GuardedDriver extends DBSQLClient {
  readonly #connection: GuardedConnection
  readonly #place: DriverPlace

  constructor(place: DriverPlace) {
    // What the driver logs may hold statements.
    super({ logger: { log: () => undefined } })
    this.#place = place
    this.#connection = new GuardedConnection(place, this)
    // Errors of connections also reject the call they belong to.
    this.on('error', () => undefined)
  }

  override getConnectionProvider(): Promise<GuardedConnection> {
    return Promise.resolve(this.#connection)
  }

  /** Throws `NetError` for a host that may not be connected to. */
  async start(authorization: Authorization): Promise<void> {
    const { origin, httpPath } = this.#place
    await checkedAddress(this.#place, origin.hostname)
    await this.connect({
      host: origin.hostname,
      port: portOf(origin),
      path: httpPath,
      authType: 'custom',
      provider: { authenticate: async () => ({ ...(await authorization()) }) },
      telemetryEnabled: false,
    })
  }

  /** Closes idle connections too, which the driver leaves to their end. */
  async end(): Promise<void> {
    await this.close()
    this.#connection.end()
  }
}

class GuardedConnection extends connections.HttpConnection {
  readonly #agent: Agent

  constructor(place: DriverPlace, driver: DBSQLClient) {
    const { origin, httpPath, applicationName } = place
    const secured = origin.protocol === 'https:'
    super(
      {
        host: origin.hostname,
        port: portOf(origin),
        path: httpPath,
        https: secured,
        socketTimeout: socketMs,
        headers: { 'User-Agent': applicationName },
      },
      driver,
    )
    const options: AgentOptions = { keepAlive: true, maxFreeSockets: keptSocketsMax, lookup: checkedLookup(place) }
    this.#agent = secured ? new SecureAgent({ ...options, minVersion: 'TLSv1.2' }) : new Agent(options)
  }

  override getAgent(): Promise<Agent> {
    return Promise.resolve(this.#agent)
  }

  end(): void {
    this.#agent.destroy()
  }
}

/** Node's look-up of a name, through the guard. Addresses that stand in the URL itself were checked at the start: only operators can set one. */
function checkedLookup(place: DriverPlace): LookupFunction {
  return (name, options, callback) => {
    checkedAddress(place, name).then(
      (address) => {
        const family = address.includes(':') ? 6 : 4
        if (options.all) callback(null, [{ address, family }])
        else callback(null, address, family)
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    )
  }
}

async function checkedAddress({ origin, policy }: DriverPlace, host: string): Promise<string> {
  const secured = origin.protocol === 'https:'
  const { address } = await resolveHost({ host, port: secured ? portOf(origin) : 443, family: 0, policy })
  if (secured || isAllowedByOperator(address, policy)) return address
  throw new NetError(
    'tls_required',
    'The address must begin with https://.',
    'Plain http is for networks that the operator has allowed.',
  )
}

function portOf({ port, protocol }: URL): number {
  return Number(port || (protocol === 'https:' ? 443 : 80))
}
