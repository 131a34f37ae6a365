import type { WarehouseDriver } from '../warehouse-driver.ts'
import { bigQueryOptions } from './options.ts'
import { bigQuerySetUp } from './set-up-steps.ts'

export const bigQueryDriver: WarehouseDriver = {
  options: bigQueryOptions,
  setUp: bigQuerySetUp,
  open: async (request) => (await import('./open-bigquery.ts')).openBigQuery(request),
}
