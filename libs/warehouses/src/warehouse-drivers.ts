import type { WarehouseKind } from '@millrace/domain/words.ts'
import { bigQueryDriver } from './bigquery/bigquery-driver.ts'
import { csvDriver } from './csv/csv-driver.ts'
import { databricksDriver } from './databricks/databricks-driver.ts'
import { postgresDriver } from './postgres/postgres-driver.ts'
import { redshiftDriver } from './redshift/redshift-driver.ts'
import { snowflakeDriver } from './snowflake/snowflake-driver.ts'
import type { WarehouseDriver } from './warehouse-driver.ts'

/** All warehouses: one folder, one line. */
export const warehouseDrivers: Readonly<Record<WarehouseKind, WarehouseDriver>> = {
  postgres: postgresDriver,
  bigquery: bigQueryDriver,
  redshift: redshiftDriver,
  snowflake: snowflakeDriver,
  databricks: databricksDriver,
  csv: csvDriver,
}
