import type { WarehouseDriver } from '../warehouse-driver.ts'
import { openSnowflake } from './open-snowflake.ts'
import { snowflakeOptions } from './options.ts'
import { snowflakeSetUp } from './set-up-steps.ts'

export const snowflakeDriver: WarehouseDriver = {
  options: snowflakeOptions,
  setUp: snowflakeSetUp,
  open: openSnowflake,
  mirrorsViews: true,
}
