import type { MirrorWarehouse } from '../mirror/mirror-warehouse.ts'
import { mirrorWarehouses } from '../mirror/open-mirror-warehouse.ts'
import { openCsvFolder } from './csv-folder.ts'

/** A warehouse with small tables, and how a stack reads from it. */
export type MatrixWarehouse = Pick<
  MirrorWarehouse,
  'kind' | 'schema' | 'endpoints' | 'createSource' | 'createTable' | 'apply' | 'close'
>

export const matrixWarehouses: Readonly<Record<string, () => Promise<MatrixWarehouse>>> = {
  ...mirrorWarehouses,
  csv: openCsvFolder,
}
