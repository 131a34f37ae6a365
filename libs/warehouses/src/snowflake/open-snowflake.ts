import type { OpenWarehouseRequest } from '../open-warehouse-request.ts'
import type { Warehouse } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { accountHost } from './account-host.ts'
import { SnowflakeClient } from './client.ts'
import { optionProblems, readOptions } from './options.ts'
import type { Place } from './plan-parts.ts'
import { SnowflakeWarehouse } from './snowflake-warehouse.ts'

/** A Snowflake source. Nothing is connected yet. Throws `WarehouseError` `options_invalid`. */
export function openSnowflake(request: OpenWarehouseRequest, afterStep?: Place['afterStep']): Warehouse {
  const options = readOptions(request.options)
  if (options === null || optionProblems(request.options, Object.keys(request.secrets)).length > 0)
    throw new WarehouseError(
      'options_invalid',
      'The options of the source are not complete.',
      'Enter the source again.',
    )
  accountHost(options.accountIdentifier)
  const client = new SnowflakeClient({
    options,
    secrets: request.secrets,
    policy: request.net,
    endpoint: request.net.snowflakeEndpoint ?? null,
    applicationName: request.applicationName,
  })
  return new SnowflakeWarehouse({ client, afterStep })
}
