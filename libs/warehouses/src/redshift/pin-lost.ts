import { WarehouseError } from '../warehouse-error.ts'

export function pinLost(cause?: unknown): WarehouseError {
  return new WarehouseError(
    'pin_lost',
    'The rows that the run has unloaded are gone from the staging bucket.',
    'The run unloads them again from the staging schema, and reads its chunks anew.',
    { cause },
  )
}
