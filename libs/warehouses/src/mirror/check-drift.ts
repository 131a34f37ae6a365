import type { Column, RowSchema } from '@millrace/domain/row-schema.ts'
import { checkSchemaDrift, type SchemaDrift } from '@millrace/domain/sync/schema-drift.ts'
import type { PlanRequest } from '../warehouse.ts'
import { WarehouseError } from '../warehouse-error.ts'
import type { MirrorCursor } from './mirror-cursor.ts'
import { resyncRequired } from './resync-required.ts'

export type SchemaNow = {
  readonly schema: RowSchema
  readonly fingerprint: string
  /** Whether rows of the old schema can be compared with those of the new one: what a person may choose. */
  readonly mayContinue: boolean
}

/**
 * Before anything is made in the warehouse: throws `schema_changed` unless the table is what it was when the last run
 * succeeded, only has new columns at its end, or is what a person has accepted. Accepted or not, the columns that the
 * before-images need must be there in the old rows, with their type: else `resync_required`. After a `stop` that was accepted
 * every row may differ, so nothing may be left out of the comparison.
 */
export function checkDrift(
  request: Pick<PlanRequest, 'acceptedSchema' | 'before' | 'table'>,
  last: MirrorCursor,
  now: SchemaNow,
): SchemaDrift {
  const drift = checkSchemaDrift(last.schema, now.schema)
  const mayContinue = now.mayContinue && request.before.every((column) => isKept(column, last.schema))
  if (drift.kind === 'stop' && request.acceptedSchema !== now.fingerprint)
    throw new WarehouseError('schema_changed', drift.message, drift.hint, {
      details: { difference: drift.difference, schemaFingerprint: now.fingerprint, mayContinue },
    })
  if (!mayContinue) throw resyncRequired(request.table, 'key_columns_changed')
  return drift
}

function isKept({ name, type }: Column, old: RowSchema): boolean {
  return old.columns.some((column) => column.name === name && column.type === type)
}
