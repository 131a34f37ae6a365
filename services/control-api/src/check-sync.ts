import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import { validateMapping } from '@millrace/domain/mapping/validate.ts'
import type { RowSchema } from '@millrace/domain/row-schema.ts'
import { checkCombination } from '@millrace/domain/sync/check-combination.ts'
import { isGa4Table } from '@millrace/domain/sync/ga4.ts'
import { checkInsertTime } from '@millrace/domain/sync/insert-time.ts'
import { type Schedule, validateSchedule } from '@millrace/domain/sync/schedule.ts'
import { profileKindOf, type SyncDefinition } from '@millrace/domain/sync/sync-definition.ts'
import type { DestinationKind, Mode, WarehouseKind } from '@millrace/domain/words.ts'
import type { TableSummary } from '@millrace/warehouses/warehouse.ts'
import { warehouseDrivers } from '@millrace/warehouses/warehouse-drivers.ts'
import { invalid, type ProblemDetail } from './http/api-problem.ts'

/** Throws a 422 unless the definition makes sense by itself: schedule, table type, support matrix. Nothing is asked. */
export function checkDefinition(
  sync: SyncDefinition,
  { warehouse, destination }: { readonly warehouse: WarehouseKind; readonly destination: DestinationKind },
): void {
  checkSchedule(sync.schedule)
  if (sync.mapping.tableType !== sync.tableType)
    throw invalid(
      'mapping_invalid',
      `The mapping is one of ${sync.mapping.tableType}, and the sync is of ${sync.tableType}.`,
      [
        {
          path: 'mapping.tableType',
          code: 'table_type',
          message: `must be ${sync.tableType}`,
          hint: 'Give the sync and its mapping the same tableType.',
        },
      ],
    )
  const answer = checkCombination({
    warehouse,
    destination,
    tableType: sync.tableType,
    profileKind: profileKindOf(sync.mapping),
    mode: sync.mode,
    hasInsertTime: sync.insertTimeColumn !== null,
    overlapMs: sync.overlapMs,
    schedule: sync.schedule.kind,
    ga4: isGa4Table(warehouse, sync.table),
  })
  if (!answer.ok) throw notSupported('mode', answer)
}

/** Throws a 422 when what a sync asks of deletes has no meaning in its mode. */
export function checkDeletionPercent(mode: Mode, deletionPercentMax: number | null | undefined): void {
  if (mode === 'mirror' || deletionPercentMax === undefined || deletionPercentMax === null) return
  throw notSupported('deletionPercentMax', {
    rule: 'only_mirror_deletes',
    message: `deletionPercentMax means something in mirror only, and the mode is ${mode}.`,
    hint: 'Leave it out.',
  })
}

/** Throws a 422 for mirror of a view where only tables have snapshots. Source: the guide, "Mirror". */
export function checkTableKind(
  { mode, table }: Pick<SyncDefinition, 'mode' | 'table'>,
  warehouse: WarehouseKind,
  kind: TableSummary['kind'],
): void {
  if (mode !== 'mirror' || kind === 'table' || (kind === 'view' && warehouseDrivers[warehouse].mirrorsViews)) return
  throw notSupported('table', {
    rule: 'mirror_not_on_views',
    message: `Mirror works on tables, and ${JSON.stringify(`${table.schema}.${table.name}`)} is a ${kind.replace('_', ' ')} of ${warehouse}.`,
    hint: 'Mirror a table that the view reads, write the view to a table, or use append.',
  })
}

function notSupported(
  path: string,
  { rule, message, hint }: { readonly rule: string; readonly message: string; readonly hint: string },
) {
  return invalid('combination_not_supported', message, [{ path, code: rule, message, hint }])
}

/** Throws a 422 that names each fault of the schedule. */
export function checkSchedule(schedule: Schedule): void {
  const problems = validateSchedule(schedule)
  if (problems.length === 0) return
  const errors = problems.map(({ path, ...rest }) => ({ path: `schedule.${path}`, ...rest }))
  throw invalid('schedule_invalid', textOf(errors), errors)
}

/** Throws a 422 that names each place where the mapping does not fit the table. */
export function checkMapping(mapping: Mapping, schema: RowSchema): void {
  throwMappingProblems(mappingErrors(mapping, schema))
}

/** `checkMapping`, and the insert-time column as well, all faults in one answer. */
export function checkColumns(sync: Pick<SyncDefinition, 'mapping' | 'insertTimeColumn'>, schema: RowSchema): void {
  const insertTime = sync.insertTimeColumn === null ? null : checkInsertTime(sync.insertTimeColumn, schema)
  throwMappingProblems([...mappingErrors(sync.mapping, schema), ...(insertTime === null ? [] : [insertTime])])
}

function mappingErrors(mapping: Mapping, schema: RowSchema): ProblemDetail[] {
  return validateMapping(mapping, schema).map(({ path, ...rest }) => ({ path: `mapping.${path}`, ...rest }))
}

function throwMappingProblems(errors: readonly ProblemDetail[]): void {
  if (errors.length > 0)
    throw invalid('mapping_invalid', `The mapping does not fit the table: ${textOf(errors)}`, errors)
}

function textOf(errors: readonly ProblemDetail[]): string {
  return errors.map(({ message }) => message).join(' ')
}
