import type { WarehouseDriver } from '../warehouse-driver.ts'
import { postgresOptions } from './options.ts'
import { postgresSetUp } from './set-up-steps.ts'

export const postgresDriver: WarehouseDriver = {
  options: postgresOptions,
  setUp: postgresSetUp,
  open: async (request) => (await import('./open-postgres.ts')).openPostgres(request),
}
