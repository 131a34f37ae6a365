import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { SyncDefinition } from '@millrace/domain/sync/sync-definition.ts'
import type { DestinationKind } from '@millrace/domain/words.ts'
import { getProject } from '@millrace/store/projects/get-project.ts'
import { getSource, type Source } from '@millrace/store/sources/get-source.ts'
import { createSync } from '@millrace/store/syncs/create-sync.ts'
import { deleteSync } from '@millrace/store/syncs/delete-sync.ts'
import { getSync, type Sync } from '@millrace/store/syncs/get-sync.ts'
import { listSyncs } from '@millrace/store/syncs/list-syncs.ts'
import { updateSync } from '@millrace/store/syncs/update-sync.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import { WarehouseError } from '@millrace/warehouses/warehouse-error.ts'
import type { Static } from 'typebox'
import type { ApiContext } from '../api-context.ts'
import { checkColumns, checkDefinition } from '../check-sync.ts'
import { answers, nothing } from '../http/answers.ts'
import { invalid, notFound } from '../http/api-problem.ts'
import { audited } from '../http/audited.ts'
import { fromToken, isText, toToken } from '../http/page-token.ts'
import type { Api } from '../http/server.ts'
import { pageLimit, pageOf, pageQuery, projectParams, syncParams } from '../schemas/common.ts'
import { syncAnswer, syncBody, syncPatch } from '../schemas/sync.ts'
import { useSource } from '../use-warehouse.ts'

/** Syncs: which table becomes what, how and when. One is stored only after its columns were found in the warehouse. */
export function addSyncs(api: Api, context: ApiContext): void {
  const { db } = context
  const toAnswer = (sync: Sync) => answerOf(sync, context.publicUrl())

  api.post(
    '/v1/projects/:projectId/syncs',
    {
      config: { permission: 'syncs.change' },
      schema: {
        tags: ['syncs'],
        summary: 'Create a sync',
        params: projectParams,
        body: syncBody,
        response: answers(201, syncAnswer),
      },
    },
    async (request, reply) => {
      const { projectId } = request.params
      const definition: SyncDefinition = {
        insertTimeColumn: null,
        overlapMs: 0,
        lane: null,
        ...request.body,
        mapping: request.body.mapping as Mapping,
      }
      const source = await getSource(db, { projectId, sourceId: definition.sourceId })
      if (source === null) throw notFound('source')
      await checkSync(context, definition, source)
      const id = context.newId()
      const importId = context.newId()
      await audited(context, request, async (tx) => {
        await createSync(tx, { ...definition, id, projectId, importId })
        return { result: id, action: 'sync.create', object: `sync:${id}`, after: definition }
      })
      await failpoint('control-api.afterSyncStored')
      return reply.code(201).send(toAnswer((await getSync(db, { projectId, syncId: id })) ?? missing()))
    },
  )

  api.get(
    '/v1/projects/:projectId/syncs',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['syncs'],
        summary: 'List syncs',
        params: projectParams,
        querystring: pageQuery,
        response: answers(200, pageOf(syncAnswer)),
      },
    },
    async (request) => {
      const { limit = pageLimit, after } = request.query
      const { projectId } = request.params
      const page = await listSyncs(db, { projectId, after: fromToken(after, isText), limit })
      return { items: page.items.map(toAnswer), next: page.next === null ? null : toToken(page.next) }
    },
  )

  api.get(
    '/v1/projects/:projectId/syncs/:syncId',
    {
      config: { permission: 'read' },
      schema: { tags: ['syncs'], summary: 'Read a sync', params: syncParams, response: answers(200, syncAnswer) },
    },
    async (request) => toAnswer((await getSync(db, request.params)) ?? missing()),
  )

  api.patch(
    '/v1/projects/:projectId/syncs/:syncId',
    {
      config: { permission: 'syncs.change' },
      schema: {
        tags: ['syncs'],
        summary: 'Change, pause or resume a sync',
        description: 'A mapping becomes a new version: a run at work keeps its own, the next one takes the new.',
        params: syncParams,
        body: syncPatch,
        response: answers(200, syncAnswer),
      },
    },
    async (request) => {
      const before = (await getSync(db, request.params)) ?? missing()
      const mapping = request.body.mapping as Mapping | undefined
      const { name, schedule, state, overlapMs, lane } = request.body
      const definition = definitionOf(before)
      const after: SyncDefinition = {
        ...definition,
        name: name ?? definition.name,
        schedule: schedule ?? definition.schedule,
        overlapMs: overlapMs ?? definition.overlapMs,
        lane: lane === undefined ? definition.lane : lane,
        mapping: mapping ?? definition.mapping,
      }
      await checkPatch(context, before, after, mapping !== undefined)
      const changed = await audited(context, request, async (tx) => {
        const change = { ...request.params, name, schedule, state, overlapMs, lane, mapping }
        if (!(await updateSync(tx, change))) return null
        return {
          result: true,
          action: 'sync.change',
          object: `sync:${before.id}`,
          before: { ...definition, state: before.state },
          after: { ...after, state: state ?? before.state },
        }
      })
      if (!changed) throw notFound('sync')
      return toAnswer((await getSync(db, request.params)) ?? missing())
    },
  )

  api.delete(
    '/v1/projects/:projectId/syncs/:syncId',
    {
      config: { permission: 'syncs.change' },
      schema: {
        tags: ['syncs'],
        summary: 'Delete a sync',
        description: 'Its open run is cancelled. What it has loaded stays at the destination.',
        params: syncParams,
        response: answers(204, nothing),
      },
    },
    async (request, reply) => {
      const before = (await getSync(db, request.params)) ?? missing()
      const deleted = await audited(context, request, async (tx) => {
        if (!(await deleteSync(tx, request.params))) return null
        return { result: true, action: 'sync.delete', object: `sync:${before.id}`, before: definitionOf(before) }
      })
      if (!deleted) throw notFound('sync')
      return reply.code(204).send(null)
    },
  )
}

function missing(): never {
  throw notFound('sync')
}

/** Throws a 422 that says everything that is wrong with the sync, after looking at its table in the warehouse. */
async function checkSync(context: ApiContext, sync: SyncDefinition, source: Source): Promise<void> {
  await checkBySelf(context, sync, source)
  checkColumns(sync, await describe(context, source, sync.table))
}

async function checkBySelf(context: ApiContext, sync: SyncDefinition, source: Source): Promise<void> {
  const project = await getProject(context.db, source.projectId)
  if (project === null) throw notFound('project')
  checkDefinition(sync, { warehouse: source.warehouse, destination: project.destination.kind as DestinationKind })
}

/** The warehouse is asked only when there is a new mapping: a sync can be paused while its warehouse is away. */
async function checkPatch(
  context: ApiContext,
  before: Sync,
  after: SyncDefinition,
  newMapping: boolean,
): Promise<void> {
  const source = await getSource(context.db, { projectId: before.projectId, sourceId: before.sourceId })
  if (source === null) throw notFound('source')
  await checkBySelf(context, after, source)
  if (newMapping && after.mapping.tableType !== 'events' && identityOf(after.mapping) !== identityOf(before.mapping))
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

async function describe(context: ApiContext, source: Source, table: SyncDefinition['table']) {
  try {
    return await useSource(context, source, (warehouse, signal) => warehouse.describeTable(table, signal))
  } catch (error) {
    if (!(error instanceof WarehouseError) || error.code !== 'table_not_found') throw error
    const { code, message, hint } = error
    throw invalid(code, message, [{ path: 'table', code, message, hint }])
  }
}

function definitionOf(sync: Sync): SyncDefinition {
  const { name, sourceId, tableType, mode, insertTimeColumn, overlapMs, schedule, mapping, lane } = sync
  const table = { schema: sync.tableSchema, name: sync.tableName }
  return { name, sourceId, table, tableType, mode, insertTimeColumn, overlapMs, schedule, mapping, lane }
}

function answerOf(sync: Sync, publicUrl: string): Static<typeof syncAnswer> {
  const { id, projectId, profileKind, importId, stateReason, mappingVersion } = sync
  return {
    ...(definitionOf(sync) as unknown as Pick<Static<typeof syncAnswer>, 'mapping' | 'schedule' | 'table'> &
      SyncDefinition),
    id,
    projectId,
    profileKind,
    importId,
    state: sync.state as Static<typeof syncAnswer>['state'],
    stateReason,
    mappingVersion,
    triggerUrl: `${publicUrl}/v1/projects/${projectId}/syncs/${id}/trigger`,
    nextDueAt: sync.nextDueAt?.toISOString() ?? null,
    createdAt: sync.createdAt.toISOString(),
    updatedAt: sync.updatedAt.toISOString(),
  }
}
