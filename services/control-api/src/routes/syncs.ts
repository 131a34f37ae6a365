import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import type { SyncDefinition } from '@millrace/domain/sync/sync-definition.ts'
import { getSource } from '@millrace/store/sources/get-source.ts'
import { createSync } from '@millrace/store/syncs/create-sync.ts'
import { deleteSync } from '@millrace/store/syncs/delete-sync.ts'
import { getSync, type Sync } from '@millrace/store/syncs/get-sync.ts'
import { listSyncs } from '@millrace/store/syncs/list-syncs.ts'
import { resyncSync } from '@millrace/store/syncs/resync-sync.ts'
import { updateSync } from '@millrace/store/syncs/update-sync.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { ApiContext } from '../api-context.ts'
import { checkPatch, checkSync } from '../check-in-warehouse.ts'
import { checkDeletionPercent } from '../check-sync.ts'
import { answers, nothing } from '../http/answers.ts'
import { ApiProblem, invalid, notFound } from '../http/api-problem.ts'
import { audited } from '../http/audited.ts'
import { fromToken, isText, toToken } from '../http/page-token.ts'
import type { Api } from '../http/server.ts'
import { pageLimit, pageOf, pageQuery, projectParams, syncParams } from '../schemas/common.ts'
import { syncAnswer, syncBody, syncPatch } from '../schemas/sync.ts'
import { definitionOf, toSyncAnswer } from '../sync-answer.ts'

/** Syncs: which table becomes what, how and when. One is stored only after its columns were found in the warehouse. */
export function addSyncs(api: Api, context: ApiContext): void {
  const { db } = context
  const toAnswer = (sync: Sync) => toSyncAnswer(sync, { publicUrl: context.publicUrl(), nowMs: context.now() })

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
      const { deletionPercentMax = null, ...body } = request.body
      const definition: SyncDefinition = {
        insertTimeColumn: null,
        overlapMs: 0,
        lane: null,
        ...body,
        mapping: body.mapping as Mapping,
      }
      checkDeletionPercent(definition.mode, deletionPercentMax)
      const source = await getSource(db, { projectId, sourceId: definition.sourceId })
      if (source === null) throw notFound('source')
      await checkSync(context, definition, source)
      const id = context.newId()
      const importId = context.newId()
      await audited(context, request, async (tx) => {
        await createSync(tx, { ...definition, id, projectId, importId, deletionPercentMax })
        const after = { ...definition, deletionPercentMax }
        return { result: id, action: 'sync.create', object: `sync:${id}`, after }
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
        description:
          'A mapping becomes a new version: a run at work keeps its own, the next one takes the new. That of a mirrored sync needs resync: true, since rows that did not change are not sent again.',
        params: syncParams,
        body: syncPatch,
        response: answers(200, syncAnswer),
      },
    },
    async (request) => {
      const before = (await getSync(db, request.params)) ?? missing()
      const mapping = request.body.mapping as Mapping | undefined
      const { name, schedule, state, overlapMs, lane, deletionPercentMax, resync = false } = request.body
      checkMirrorChange(before, { mapping, resync })
      checkDeletionPercent(before.mode, deletionPercentMax)
      const definition = definitionOf(before)
      const after: SyncDefinition = {
        ...definition,
        name: name ?? definition.name,
        schedule: schedule ?? definition.schedule,
        overlapMs: overlapMs ?? definition.overlapMs,
        lane: lane === undefined ? definition.lane : lane,
        mapping: mapping ?? definition.mapping,
      }
      await checkPatch(context, before, after, { newMapping: mapping !== undefined, resync })
      const changed = await audited(context, request, async (tx) => {
        const change = { ...request.params, name, schedule, state, overlapMs, lane, mapping, deletionPercentMax }
        // A resync without a run of its own: who has paused the sync lets it go on.
        if (resync && !(await resyncSync(tx, { ...request.params, keepPaused: true }))) return null
        if (!(await updateSync(tx, change))) return null
        return {
          result: true,
          action: 'sync.change',
          object: `sync:${before.id}`,
          before: { ...definition, state: before.state, deletionPercentMax: before.deletionPercentMax },
          after: {
            ...after,
            state: state ?? before.state,
            deletionPercentMax: deletionPercentMax === undefined ? before.deletionPercentMax : deletionPercentMax,
            ...(resync ? { resync } : {}),
          },
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

/** A mirrored sync sends what has changed in the table: with another mapping everything would have to be sent anew. */
function checkMirrorChange(
  { mode }: Sync,
  { mapping, resync }: { readonly mapping: Mapping | undefined; readonly resync: boolean },
): void {
  if (mode === 'mirror' && mapping !== undefined && !resync)
    throw new ApiProblem(
      409,
      'mapping_change_needs_resync',
      'The rows that were loaded under the present mapping would stay as they are.',
      'Send resync: true as well: the next run removes what was loaded and sends the whole table again.',
    )
  if (mode !== 'mirror' && resync)
    throw invalid('resync_not_supported', `A resync is for mirror, and the mode is ${mode}.`, [
      { path: 'resync', code: 'only_mirror', message: 'must be left out', hint: 'Create another sync instead.' },
    ])
}
