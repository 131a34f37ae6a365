import type { WarehouseKind } from '@millrace/domain/words.ts'
import { externalId } from '@millrace/store/projects/external-id.ts'
import { sealedFields } from '@millrace/store/secrets/sealed-fields.ts'
import type { Source } from '@millrace/store/sources/get-source.ts'
import type { Warehouse } from '@millrace/warehouses/warehouse.ts'
import type { ApiContext } from './api-context.ts'
import { ApiProblem } from './http/api-problem.ts'
import { openFields, sourcePlace } from './sealed-secrets.ts'

export type Connection = {
  readonly warehouse: WarehouseKind
  readonly options: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, string>>
}

/** Connects for one piece of work of a project and takes leave afterwards, whatever happens. Throws a 504 when it takes too long. */
export async function useWarehouse<T>(
  context: ApiContext,
  projectId: string,
  { warehouse: kind, options, secrets }: Connection,
  work: (warehouse: Warehouse, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const {
    allowedCidrs,
    bigQueryEndpoint,
    bigQueryStorageEndpoint,
    awsEndpoint,
    csvDir,
    snowflakeEndpoint,
    databricksEndpoint,
    aws,
    warehouseMs,
  } = context
  const known = await externalId(context.db, projectId)
  const warehouse = await context.openWarehouse({
    kind,
    options,
    secrets,
    externalId: known ?? undefined,
    net: {
      allowedCidrs,
      bigQueryEndpoint,
      bigQueryStorageEndpoint,
      csvDir,
      awsEndpoint,
      snowflakeEndpoint,
      databricksEndpoint,
    },
    aws,
    applicationName: 'millrace-control-api',
  })
  const late = AbortSignal.timeout(warehouseMs)
  try {
    return await work(warehouse, AbortSignal.any([late, context.stopping]))
  } catch (error) {
    if (error === late.reason) throw warehouseSlow(warehouseMs)
    if (context.stopping.aborted && error === context.stopping.reason) throw draining()
    throw error
  } finally {
    await warehouse.close()
  }
}

function warehouseSlow(warehouseMs: number): ApiProblem {
  return new ApiProblem(
    504,
    'warehouse_slow',
    `The warehouse did not answer within ${warehouseMs / 1000} seconds.`,
    'Test the connection of the source; a view that is slow by itself can be made a table.',
  )
}

function draining(): ApiProblem {
  return new ApiProblem(503, 'stopping', 'This process is ending.', 'Send the request again.', {
    headers: { 'retry-after': '1' },
  })
}

/** `useWarehouse` with the secrets that are stored for a source. */
export async function useSource<T>(
  context: ApiContext,
  source: Source,
  work: (warehouse: Warehouse, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return useWarehouse(context, source.projectId, await storedConnection(context, source), work)
}

export async function storedConnection(context: ApiContext, source: Source): Promise<Connection> {
  const sealed = await sealedFields(context.db, `source:${source.id}`)
  const secrets = openFields(context.kek, sourcePlace(source.projectId, source.id), sealed)
  return { warehouse: source.warehouse, options: source.options, secrets }
}
