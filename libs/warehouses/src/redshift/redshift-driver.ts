import type { WarehouseDriver } from '../warehouse-driver.ts'
import { redshiftOptions } from './options.ts'
import { redshiftSetUp } from './set-up-steps.ts'

export const redshiftDriver: WarehouseDriver = {
  options: redshiftOptions,
  setUp: redshiftSetUp,
  open: async (request) => (await import('./open-redshift.ts')).openRedshift(request),
  asksExternalId: true,
}
