import type { OpenWarehouseRequest } from '../open-warehouse-request.ts'
import type { Warehouse } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import { awsClients } from './aws-clients.ts'
import { Bucket } from './bucket.ts'
import { RedshiftClient } from './client.ts'
import { bucketPrefixDefault, readOptions, stagingSchemaDefault } from './options.ts'
import { RedshiftWarehouse } from './redshift-warehouse.ts'
import type { Place } from './set-aside.ts'

/** A Redshift source. Nothing is connected yet. Throws `WarehouseError` `options_invalid`. */
export function openRedshift(request: OpenWarehouseRequest, afterStep?: Place['afterStep']): Warehouse {
  const options = readOptions(request.options)
  const { externalId } = request
  // Without one a role could be made to trust Millrace for whoever names it.
  if (options === null || externalId === undefined || externalId === '')
    throw new WarehouseError(
      'options_invalid',
      'The options of the source are not complete.',
      'Enter the source again.',
    )
  const clients = awsClients({
    options,
    externalId,
    policy: request.net,
    endpoint: request.net.awsEndpoint ?? null,
    identity: request.aws ?? null,
    applicationName: request.applicationName,
  })
  return new RedshiftWarehouse({
    client: new RedshiftClient(options, clients),
    bucket: new Bucket(clients.s3, options.stagingBucket, options.bucketPrefix ?? bucketPrefixDefault),
    stagingSchema: options.stagingSchema ?? stagingSchemaDefault,
    iamRole: options.iamRoleArn ?? 'default',
    afterStep,
  })
}
