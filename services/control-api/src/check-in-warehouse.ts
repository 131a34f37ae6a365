import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { SyncDefinition } from '@millrace/domain/sync/sync-definition.ts'
import type { DestinationKind } from '@millrace/domain/words.ts'
import { getProject } from '@millrace/store/projects/get-project.ts'
import { getSource, type Source } from '@millrace/store/sources/get-source.ts'
import type { Sync } from '@millrace/store/syncs/get-sync.ts'
import type { TableDescription } from '@millrace/warehouses/warehouse.ts'
import { WarehouseError, type WarehouseErrorCode } from '@millrace/warehouses/warehouse-error.ts'
import type { ApiContext } from './api-context.ts'
import { checkColumns, checkDefinition, checkTableKind } from './check-sync.ts'
import { invalid, notFound } from './http/api-problem.ts'
import { useSource } from './use-warehouse.ts'

/** Throws a 422 that says everything that is wrong with the sync, after looking at its table in the warehouse. */
export async function checkSync(context: ApiContext, sync: SyncDefinition, source: Source): Promise<void> {
  await checkBySelf(context, sync, source)
  const described = await describe(context, source, sync.table)
  checkTableKind(sync, source.warehouse, described.kind)
  checkColumns(sync, described)
}

async function checkBySelf(context: ApiContext, sync: SyncDefinition, source: Source): Promise<void> {
  const project = await getProject(context.db, source.projectId)
  if (project === null) throw notFound('project')
  checkDefinition(sync, { warehouse: source.warehouse, destination: project.destination.kind as DestinationKind })
}

/** The warehouse is asked only when there is a new mapping: a sync can be paused while its warehouse is away. */
export async function checkPatch(
  context: ApiContext,
  before: Sync,
  after: SyncDefinition,
  change: { readonly newMapping: boolean; readonly resync: boolean },
): Promise<void> {
  const { newMapping, resync } = change
  const source = await getSource(context.db, { projectId: before.projectId, sourceId: before.sourceId })
  if (source === null) throw notFound('source')
  await checkBySelf(context, after, source)
  // A resync takes away what is there under the old ids.
  if (
    newMapping &&
    !resync &&
    after.mapping.tableType !== 'events' &&
    identityOf(after.mapping) !== identityOf(before.mapping)
  )
    throw invalid('identity_fixed', 'A sync keeps the column that names its rows.', [
      {
        path: `mapping.${identityPart[after.mapping.tableType]}`,
        code: 'fixed',
        message: `is ${JSON.stringify(identityOf(before.mapping))} and cannot change`,
        hint: 'Create another sync: rows that were loaded under the old ids would stay.',
      },
    ])
  if (newMapping) checkColumns(after, await describe(context, source, after.table))
}

const identityPart = { events: '', user_profiles: 'userId', group_profiles: 'groupId', lookup_table: 'id' } as const

function identityOf(mapping: Mapping): string {
  switch (mapping.tableType) {
    case 'events':
      return ''
    case 'user_profiles':
      return mapping.userId
    case 'group_profiles':
      return `${mapping.groupKey} ${mapping.groupId}`
    case 'lookup_table':
      return `${mapping.lookupTableId} ${mapping.id}`
  }
}

/** What a warehouse says of a table that cannot be synced, whatever the mapping. */
const tableFaults: ReadonlySet<string> = new Set<WarehouseErrorCode>([
  'table_not_found',
  'name_invalid',
  'column_not_found',
  'type_not_supported',
  'mode_not_supported',
  'permission_denied',
])

async function describe(
  context: ApiContext,
  source: Source,
  table: SyncDefinition['table'],
): Promise<TableDescription> {
  try {
    return await useSource(context, source, (warehouse, signal) => warehouse.describeTable(table, signal))
  } catch (error) {
    if (!(error instanceof WarehouseError) || !tableFaults.has(error.code)) throw error
    const { code, message, hint } = error
    throw invalid(code, message, [{ path: 'table', code, message, hint }])
  }
}
