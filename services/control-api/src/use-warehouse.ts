import type { WarehouseKind } from '@millrace/domain/words.ts'
import { sealedFields } from '@millrace/store/secrets/sealed-fields.ts'
import type { Source } from '@millrace/store/sources/get-source.ts'
import type { Warehouse } from '@millrace/warehouses/warehouse.ts'
import type { ApiContext } from './api-context.ts'
import { openFields, sourcePlace } from './sealed-secrets.ts'

/** Longest time that a request may keep a warehouse busy, ms. */
const warehouseMs = 20_000

export type Connection = {
  readonly warehouse: WarehouseKind
  readonly options: Readonly<Record<string, unknown>>
  readonly secrets: Readonly<Record<string, string>>
}

/** Connects for one piece of work and takes leave afterwards, whatever happens. */
export async function useWarehouse<T>(
  context: ApiContext,
  { warehouse: kind, options, secrets }: Connection,
  work: (warehouse: Warehouse, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { allowedCidrs } = context
  const warehouse = context.openWarehouse({
    kind,
    options,
    secrets,
    net: { allowedCidrs },
    applicationName: 'millrace-control-api',
  })
  try {
    return await work(warehouse, AbortSignal.any([AbortSignal.timeout(warehouseMs), context.stopping]))
  } finally {
    await warehouse.close()
  }
}

/** `useWarehouse` with the secrets that are stored for a source. */
export async function useSource<T>(
  context: ApiContext,
  source: Source,
  work: (warehouse: Warehouse, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return useWarehouse(context, await storedConnection(context, source), work)
}

export async function storedConnection(context: ApiContext, source: Source): Promise<Connection> {
  const sealed = await sealedFields(context.db, `source:${source.id}`)
  const secrets = openFields(context.kek, sourcePlace(source.projectId, source.id), sealed)
  return { warehouse: source.warehouse, options: source.options, secrets }
}
