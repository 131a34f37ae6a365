import { isDeepStrictEqual } from 'node:util'
import { createSource } from '@millrace/store/sources/create-source.ts'
import { deleteSource } from '@millrace/store/sources/delete-source.ts'
import { getSource, type Source } from '@millrace/store/sources/get-source.ts'
import { listSources } from '@millrace/store/sources/list-sources.ts'
import { updateSource } from '@millrace/store/sources/update-source.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { Static } from 'typebox'
import type { ApiContext } from '../api-context.ts'
import { answers, nothing } from '../http/answers.ts'
import { invalid, notFound } from '../http/api-problem.ts'
import { audited } from '../http/audited.ts'
import { fromToken, isText, toToken } from '../http/page-token.ts'
import type { Api } from '../http/server.ts'
import { pageLimit, pageOf, pageQuery, projectParams, sourceParams } from '../schemas/common.ts'
import { testAnswer } from '../schemas/set-up.ts'
import {
  connectionBody,
  newSourceAnswer,
  sourceAnswer,
  sourceBody,
  sourcePatch,
  storedTestBody,
} from '../schemas/source.ts'
import { sealFields, sourcePlace } from '../sealed-secrets.ts'
import { confirmNextKey, firstKeys, makesKeys, shownKeys } from '../source-keys.ts'
import { checkOptions, requireConnection, testConnection } from '../test-connection.ts'
import { type Connection, storedConnection } from '../use-warehouse.ts'

/** Sources: connections to warehouses. One is stored only after it was tried and works. */
export function addSources(api: Api, context: ApiContext): void {
  const { db, kek } = context

  api.post(
    '/v1/projects/:projectId/sources',
    {
      config: { permission: 'sources.change' },
      schema: {
        tags: ['sources'],
        summary: 'Create a source',
        description:
          'The connection is tried first; when a check fails the answer is a 422 and nothing is stored. Where Millrace makes the keys (snowflake with key_pair) the source is stored first, and the answer shows what to run before it is tested.',
        params: projectParams,
        body: sourceBody,
        response: answers(201, newSourceAnswer),
      },
    },
    async (request, reply) => {
      const { projectId } = request.params
      const { name, ...connection } = request.body
      const { warehouse } = connection
      const made = makesKeys(warehouse, connection.options) ? await keysFor(connection) : null
      const options = made === null ? await requireConnection(context, projectId, connection) : connection.options
      const id = context.newId()
      const secrets = sealFields(kek, sourcePlace(projectId, id), made ?? connection.secrets)
      await audited(context, request, async (tx) => {
        await createSource(tx, { id, projectId, name, warehouse, options, secrets })
        return { result: id, action: 'source.create', object: `source:${id}`, after: { name, warehouse, options } }
      })
      await failpoint('control-api.afterSourceStored')
      const source = toAnswer((await getSource(db, { projectId, sourceId: id })) ?? missing())
      return reply.code(201).send(made === null ? source : { ...source, keys: shownKeys(options, made) })
    },
  )

  api.get(
    '/v1/projects/:projectId/sources',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['sources'],
        summary: 'List sources',
        params: projectParams,
        querystring: pageQuery,
        response: answers(200, pageOf(sourceAnswer)),
      },
    },
    async (request) => {
      const { limit = pageLimit, after } = request.query
      const { projectId } = request.params
      const page = await listSources(db, { projectId, after: fromToken(after, isText), limit })
      return { items: page.items.map(toAnswer), next: page.next === null ? null : toToken(page.next) }
    },
  )

  api.get(
    '/v1/projects/:projectId/sources/:sourceId',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['sources'],
        summary: 'Read a source',
        params: sourceParams,
        response: answers(200, sourceAnswer),
      },
    },
    async (request) => toAnswer((await getSource(db, request.params)) ?? missing()),
  )

  api.patch(
    '/v1/projects/:projectId/sources/:sourceId',
    {
      config: { permission: 'sources.change' },
      schema: {
        tags: ['sources'],
        summary: 'Change a source',
        description:
          'Options are given as a whole. Other options need the secrets again: nobody may point a stored secret at a server of his own. The connection is tried first.',
        params: sourceParams,
        body: sourcePatch,
        response: answers(200, sourceAnswer),
      },
    },
    async (request) => {
      const { name, secrets } = request.body
      let { options } = request.body
      const before = (await getSource(db, request.params)) ?? missing()
      const otherOptions = options !== undefined && !isDeepStrictEqual(options, before.options)
      const ownKeys = makesKeys(before.warehouse, before.options)
      if (ownKeys && (secrets !== undefined || (otherOptions && !isSameLogin(before.options, options))))
        throw keysStay()
      if (otherOptions && secrets === undefined && !ownKeys) throw secretsNeeded()
      if (otherOptions || secrets !== undefined) {
        const stored = await storedConnection(context, before)
        const connection = {
          warehouse: before.warehouse,
          options: options ?? before.options,
          secrets: otherOptions && !ownKeys ? (secrets ?? {}) : { ...stored.secrets, ...secrets },
        }
        const tried = await requireConnection(context, before.projectId, connection)
        if (otherOptions) options = tried
      }
      const sealed = sealFields(kek, sourcePlace(before.projectId, before.id), secrets ?? {})
      const changed = await audited(context, request, async (tx) => {
        const change = { ...request.params, name, options, secrets: sealed, dropOtherSecrets: otherOptions && !ownKeys }
        if (!(await updateSource(tx, change))) return null
        return {
          result: true,
          action: 'source.change',
          object: `source:${before.id}`,
          before: { name: before.name, options: before.options },
          after: {
            name: name ?? before.name,
            options: options ?? before.options,
            secretsReplaced: Object.keys(secrets ?? {}),
          },
        }
      })
      if (!changed) throw notFound('source')
      return toAnswer((await getSource(db, request.params)) ?? missing())
    },
  )

  api.delete(
    '/v1/projects/:projectId/sources/:sourceId',
    {
      config: { permission: 'sources.change' },
      schema: { tags: ['sources'], summary: 'Delete a source', params: sourceParams, response: answers(204, nothing) },
    },
    async (request, reply) => {
      const before = (await getSource(db, request.params)) ?? missing()
      const deleted = await audited(context, request, async (tx) => {
        if (!(await deleteSource(tx, request.params))) return null
        const { id, name, warehouse, options } = before
        return { result: true, action: 'source.delete', object: `source:${id}`, before: { name, warehouse, options } }
      })
      if (!deleted) throw notFound('source')
      return reply.code(204).send(null)
    },
  )

  api.post(
    '/v1/projects/:projectId/sources/test',
    {
      config: { permission: 'sources.change' },
      schema: {
        tags: ['sources'],
        summary: 'Try a connection without storing it',
        params: projectParams,
        body: connectionBody,
        response: answers(200, testAnswer),
      },
    },
    async (request) => {
      const { name: _name, table, ...connection } = request.body
      return toTestAnswer(await testConnection(context, request.params.projectId, connection, table))
    },
  )

  api.post(
    '/v1/projects/:projectId/sources/:sourceId/test',
    {
      config: { permission: 'sources.change' },
      schema: {
        tags: ['sources'],
        summary: 'Try the connection of a source',
        params: sourceParams,
        body: storedTestBody,
        response: answers(200, testAnswer),
      },
    },
    async (request) => {
      const source = (await getSource(db, request.params)) ?? missing()
      const stored = await storedConnection(context, source)
      const connection = (await confirmNextKey(context, request, source, stored))
        ? await storedConnection(context, source)
        : stored
      return toTestAnswer(await testConnection(context, source.projectId, connection, request.body?.table))
    },
  )
}

function missing(): never {
  throw notFound('source')
}

/** Secrets that Millrace makes; with others than these the body is refused. */
async function keysFor(connection: Connection): Promise<Connection['secrets']> {
  const secrets = await firstKeys()
  checkOptions({ ...connection, secrets: { ...connection.secrets, ...secrets } })
  if (Object.keys(connection.secrets).length > 0) throw keysStay()
  return secrets
}

/** Only the user in whose slots the public keys stand can be logged in with them. */
function isSameLogin(before: Connection['options'], after: Connection['options'] | undefined): boolean {
  return ['accountIdentifier', 'user', 'authentication'].every((name) => before[name] === after?.[name])
}

function keysStay() {
  return invalid('keys_are_made', 'Millrace makes the keys of this source itself.', [
    {
      path: 'secrets',
      code: 'keys_are_made',
      message: 'are made by Millrace for one user of one account',
      hint: 'Leave secrets out. For another account or user make another source; for other keys see POST …/sources/:sourceId/keys.',
    },
  ])
}

function secretsNeeded() {
  return invalid('secrets_needed', 'Other options need the secrets again.', [
    {
      path: 'secrets',
      code: 'missing',
      message: 'are missing',
      hint: 'Send all secrets of the source together with its options.',
    },
  ])
}

function toTestAnswer({ ok, checks }: Awaited<ReturnType<typeof testConnection>>): Static<typeof testAnswer> {
  return {
    ok,
    checks: checks.map(({ setUp, ...check }) =>
      setUp === undefined ? check : { ...check, setUp: { ...setUp, statements: [...setUp.statements] } },
    ),
  }
}

function toAnswer(source: Source): Static<typeof sourceAnswer> {
  return { ...source, createdAt: source.createdAt.toISOString(), updatedAt: source.updatedAt.toISOString() }
}
