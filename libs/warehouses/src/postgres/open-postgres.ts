import { SshTunnel } from '@millrace/net/ssh-tunnel.ts'
import type { OpenWarehouseRequest } from '../open-warehouse-request.ts'
import type { Warehouse } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { ConnectParts } from './connect.ts'
import { mirrorRowsDefault } from './mirror-limits.ts'
import { type PostgresOptions, readOptions } from './options.ts'
import { PostgresWarehouse } from './postgres-warehouse.ts'

/** A Postgres source. Nothing is connected yet. Throws `WarehouseError` `options_invalid`. */
export function openPostgres(request: OpenWarehouseRequest): Warehouse {
  const options = readOptions(request.options)
  const { password } = request.secrets
  if (options === null || password === undefined) {
    throw new WarehouseError(
      'options_invalid',
      'The options of the source are not complete.',
      'Enter the source again.',
    )
  }
  const connect = (tunnel: SshTunnel | null): ConnectParts => ({
    options,
    password,
    policy: request.net,
    tunnel,
    applicationName: request.applicationName,
  })
  const { kept, mirrorRowsMax = mirrorRowsDefault } = request
  return new PostgresWarehouse(connect, (trustFirstKey) => tunnelOf(options, request, trustFirstKey), {
    kept,
    rowsMax: mirrorRowsMax,
  })
}

function tunnelOf(options: PostgresOptions, request: OpenWarehouseRequest, trustFirstKey: boolean): SshTunnel | null {
  const { sshTunnel } = options
  if (sshTunnel === undefined) return null
  const { sshPrivateKey, sshPassphrase } = request.secrets
  return new SshTunnel(
    {
      host: sshTunnel.host,
      port: sshTunnel.port,
      user: sshTunnel.user,
      privateKey: sshPrivateKey ?? '',
      passphrase: sshPassphrase,
      hostKey: sshTunnel.hostKey,
      trustFirstKey,
      target: { host: options.host, port: options.port },
    },
    request.net,
  )
}
