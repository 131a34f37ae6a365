import { httpTargetGuard } from '@millrace/net/http-target-guard.ts'
import type { OpenWarehouseRequest } from '../open-warehouse-request.ts'
import type { Warehouse } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { type Authorization, personalToken, servicePrincipal } from './access.ts'
import { type ClientOptions, DatabricksClient } from './client.ts'
import { DatabricksWarehouse } from './databricks-warehouse.ts'
import { optionProblems, readOptions } from './options.ts'

/** How long is waited for a cluster that starts, and how often it is looked at; tests are less patient. */
export type Patience = Pick<ClientOptions, 'startMs' | 'lookMs'>

/** A Databricks source. Nothing is connected yet. Throws `WarehouseError` `options_invalid`. */
export function openDatabricks(request: OpenWarehouseRequest, patience: Patience = {}, now = Date.now): Warehouse {
  const { secrets, net, applicationName } = request
  const options = readOptions(request.options)
  if (options === null || optionProblems(request.options, Object.keys(secrets)).length > 0)
    throw new WarehouseError(
      'options_invalid',
      'The options of the source are not complete.',
      'Enter the source again.',
    )
  const origin = new URL(net.databricksEndpoint ?? `https://${options.host}`)
  const httpPath = options.httpPath.startsWith('/') ? options.httpPath : `/${options.httpPath}`
  const client = new DatabricksClient({
    place: { origin, httpPath, policy: net, applicationName },
    authorization: authorizationOf(secrets, origin, net, now),
    ...patience,
  })
  return new DatabricksWarehouse({ client, catalog: options.catalog })
}

function authorizationOf(
  { accessToken, clientId = '', clientSecret = '' }: OpenWarehouseRequest['secrets'],
  origin: URL,
  policy: OpenWarehouseRequest['net'],
  now: () => number,
): Authorization {
  if (accessToken !== undefined) return personalToken(accessToken)
  const { agent } = httpTargetGuard({ policy })
  return servicePrincipal({ clientId, clientSecret }, origin.origin, agent, now)
}
