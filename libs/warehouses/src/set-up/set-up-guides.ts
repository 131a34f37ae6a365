import type { WarehouseKind } from '@millrace/domain/words.ts'
import { bigQuerySetUp } from '../bigquery/set-up-steps.ts'
import { postgresSetUp } from '../postgres/set-up-steps.ts'
import { redshiftSetUp } from '../redshift/set-up-steps.ts'
import { snowflakeSetUp } from '../snowflake/set-up-steps.ts'
import type { SetUpGuide } from './set-up-guide.ts'

/** The kinds of warehouses whose set-up is known. */
export const setUpGuides: Partial<Record<WarehouseKind, SetUpGuide>> = {
  postgres: postgresSetUp,
  bigquery: bigQuerySetUp,
  redshift: redshiftSetUp,
  snowflake: snowflakeSetUp,
}
