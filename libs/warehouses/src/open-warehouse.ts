import type { OpenWarehouseRequest } from './open-warehouse-request.ts'
import type { Warehouse } from './warehouse.ts'
import { warehouseDrivers } from './warehouse-drivers.ts'

/**
 * A warehouse of any kind. Nothing is connected yet: the first method called does that. Throws `WarehouseError`
 * `options_invalid` when the options cannot be tried.
 */
export async function openWarehouse(request: OpenWarehouseRequest): Promise<Warehouse> {
  return await warehouseDrivers[request.kind].open(request)
}
