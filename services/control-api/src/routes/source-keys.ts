import { getSource, type Source } from '@millrace/store/sources/get-source.ts'
import { updateSource } from '@millrace/store/sources/update-source.ts'
import { makeLoginKey, otherSlot, readLoginKey, writeLoginKey } from '@millrace/warehouses/snowflake/key-pair.ts'
import type { ApiContext } from '../api-context.ts'
import { answers } from '../http/answers.ts'
import { notFound } from '../http/api-problem.ts'
import { audited } from '../http/audited.ts'
import type { Api } from '../http/server.ts'
import { sourceParams } from '../schemas/common.ts'
import { sourceKeysAnswer } from '../schemas/source.ts'
import { sealFields, sourcePlace } from '../sealed-secrets.ts'
import { requireKeys, shownKeys } from '../source-keys.ts'
import { storedConnection } from '../use-warehouse.ts'

/** Keys that Millrace makes for a source: public halves are shown, private ones never leave. */
export function addSourceKeys(api: Api, context: ApiContext): void {
  api.get(
    '/v1/projects/:projectId/sources/:sourceId/keys',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['sources'],
        summary: 'Show the public keys of a source',
        description:
          'With the statement that makes the warehouse accept each. 409 when Millrace makes no keys for the source.',
        params: sourceParams,
        response: answers(200, sourceKeysAnswer),
      },
    },
    async ({ params }) => ({ items: await keysOf(context, await sourceWithKeys(context, params)) }),
  )

  api.post(
    '/v1/projects/:projectId/sources/:sourceId/keys',
    {
      config: { permission: 'sources.change' },
      schema: {
        tags: ['sources'],
        summary: 'Make the next pair of keys of a source',
        description:
          'For the slot that is free. Both keys are tried until a test of the connection has logged in with the next one, which then is the current one; so no run fails meanwhile. While there is a next pair, it is answered again.',
        params: sourceParams,
        response: answers(201, sourceKeysAnswer),
      },
    },
    async (request, reply) => {
      const source = await sourceWithKeys(context, request.params)
      const { secrets } = await storedConnection(context, source)
      if (secrets.nextPrivateKey === undefined && secrets.privateKey !== undefined)
        await addNextKey(source, readLoginKey(secrets.privateKey).slot)
      return reply.code(201).send({ items: await keysOf(context, source) })

      async function addNextKey({ id, projectId }: Source, current: Parameters<typeof otherSlot>[0]): Promise<void> {
        const key = await makeLoginKey(otherSlot(current))
        const sealed = sealFields(context.kek, sourcePlace(projectId, id), { nextPrivateKey: writeLoginKey(key) })
        const change = { projectId, sourceId: id, secrets: sealed, dropOtherSecrets: false }
        const isChanged = await audited(context, request, async (tx) =>
          (await updateSource(tx, change))
            ? { result: true, action: 'source.keys', object: `source:${id}`, after: { slot: key.slot } }
            : null,
        )
        if (!isChanged) throw notFound('source')
      }
    },
  )
}

async function sourceWithKeys(context: ApiContext, params: { projectId: string; sourceId: string }): Promise<Source> {
  const source = await getSource(context.db, params)
  if (source === null) throw notFound('source')
  requireKeys(source)
  return source
}

async function keysOf(context: ApiContext, source: Source) {
  const { options, secrets } = await storedConnection(context, source)
  return shownKeys(options, secrets)
}
