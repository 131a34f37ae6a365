import { openBigQuery } from './bigquery/open-bigquery.ts'
import type { OpenWarehouseRequest } from './open-warehouse-request.ts'
import { openPostgres } from './postgres/open-postgres.ts'
import { openRedshift } from './redshift/open-redshift.ts'
import { openSnowflake } from './snowflake/open-snowflake.ts'
import type { Warehouse } from './warehouse.ts'
import { WarehouseError } from './warehouse-error.ts'

/**
 * A warehouse of any kind. Nothing is connected yet: the first method called does that. Throws `WarehouseError`
 * `options_invalid` when the options cannot be tried.
 */
export function openWarehouse(request: OpenWarehouseRequest): Warehouse {
  switch (request.kind) {
    case 'bigquery':
      return openBigQuery(request)
    case 'postgres':
      return openPostgres(request)
    case 'redshift':
      return openRedshift(request)
    case 'snowflake':
      return openSnowflake(request)
    default:
      throw new WarehouseError(
        'options_invalid',
        `Sources of the kind ${request.kind} cannot be read by this version.`,
        'Use a source of the kind postgres, bigquery, redshift or snowflake.',
      )
  }
}
