import type { OpenWarehouseRequest } from '../open-warehouse-request.ts'
import type { Warehouse } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { BigQueryWarehouse } from './bigquery-warehouse.ts'
import { BigQueryClient } from './client.ts'
import { readOptions } from './options.ts'
import { readServiceAccountKey } from './service-account-key.ts'
import { StorageClient } from './storage-client.ts'

/** A BigQuery source. Nothing is connected yet. Throws `WarehouseError` `options_invalid`. */
export function openBigQuery(request: OpenWarehouseRequest): Warehouse {
  const options = readOptions(request.options)
  const { serviceAccountKey } = request.secrets
  if (options === null || serviceAccountKey === undefined)
    throw new WarehouseError(
      'options_invalid',
      'The options of the source are not complete.',
      'Enter the source again.',
    )
  const key = readServiceAccountKey(serviceAccountKey)
  const client = new BigQueryClient({
    options,
    key,
    policy: request.net,
    endpoint: request.net.bigQueryEndpoint ?? null,
    applicationName: request.applicationName,
  })
  const { bigQueryEndpoint, bigQueryStorageEndpoint } = request.net
  // Where an operator names an address of the one API only, the other may lead outside.
  const isStorageOff = bigQueryEndpoint !== undefined && bigQueryStorageEndpoint === undefined
  const storage = isStorageOff
    ? null
    : new StorageClient({ client, key, policy: request.net, endpoint: bigQueryStorageEndpoint ?? null })
  return new BigQueryWarehouse({ client, storage, stagingDataset: options.stagingDataset, serviceAccount: key.email })
}
