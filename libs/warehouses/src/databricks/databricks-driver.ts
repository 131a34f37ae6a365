import type { WarehouseDriver } from '../warehouse-driver.ts'
import { databricksOptions } from './options.ts'
import { databricksSetUp } from './set-up-steps.ts'

export const databricksDriver: WarehouseDriver = {
  options: databricksOptions,
  setUp: databricksSetUp,
  open: async (request) => (await import('./open-databricks.ts')).openDatabricks(request),
}
