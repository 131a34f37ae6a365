import type { WarehouseDriver } from '../warehouse-driver.ts'
import { openRedshift } from './open-redshift.ts'
import { redshiftOptions } from './options.ts'
import { redshiftSetUp } from './set-up-steps.ts'

export const redshiftDriver: WarehouseDriver = {
  options: redshiftOptions,
  setUp: redshiftSetUp,
  open: openRedshift,
  asksExternalId: true,
}
