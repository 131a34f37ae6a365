import { openBigQueryMirror } from './bigquery/bigquery-mirror.ts'
import { openDatabricksMirror } from './databricks/databricks-mirror.ts'
import type { MirrorWarehouse } from './mirror-warehouse.ts'
import { openPostgresMirror } from './postgres/postgres-mirror.ts'
import { openRedshiftMirror } from './redshift/redshift-mirror.ts'

/** The warehouses on which `npm run verify:mirror` can play histories. */
export const mirrorWarehouses = {
  bigquery: openBigQueryMirror,
  databricks: openDatabricksMirror,
  redshift: openRedshiftMirror,
  postgres: openPostgresMirror,
} as const satisfies Readonly<Record<string, () => Promise<MirrorWarehouse>>>

export type MirrorWarehouseName = keyof typeof mirrorWarehouses

export function isMirrorWarehouse(name: string): name is MirrorWarehouseName {
  return Object.hasOwn(mirrorWarehouses, name)
}
