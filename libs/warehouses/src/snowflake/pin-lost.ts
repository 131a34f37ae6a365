import { WarehouseError } from '../warehouse-error.ts'

export function pinLost(cause?: unknown): WarehouseError {
  return new WarehouseError(
    'pin_lost',
    'The rows that the run has set aside are gone from the connector’s schema.',
    'Start the sync again: nothing is lost. Let nobody else remove tables of that schema.',
    { cause },
  )
}
