import type { WarehouseDriver } from '../warehouse-driver.ts'
import { snowflakeOptions } from './options.ts'
import { snowflakeSetUp } from './set-up-steps.ts'

export const snowflakeDriver: WarehouseDriver = {
  options: snowflakeOptions,
  setUp: snowflakeSetUp,
  open: async (request) => (await import('./open-snowflake.ts')).openSnowflake(request),
  mirrorsViews: true,
}
