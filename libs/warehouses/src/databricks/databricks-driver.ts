import type { WarehouseDriver } from '../warehouse-driver.ts'
import { openDatabricks } from './open-databricks.ts'
import { databricksOptions } from './options.ts'
import { databricksSetUp } from './set-up-steps.ts'

export const databricksDriver: WarehouseDriver = {
  options: databricksOptions,
  setUp: databricksSetUp,
  open: (request) => openDatabricks(request),
}
