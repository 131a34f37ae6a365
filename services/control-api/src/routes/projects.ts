import { isDeepStrictEqual } from 'node:util'
import { createProject } from '@millrace/store/projects/create-project.ts'
import { getProject, type Project } from '@millrace/store/projects/get-project.ts'
import { listProjects } from '@millrace/store/projects/list-projects.ts'
import { updateProject } from '@millrace/store/projects/update-project.ts'
import { hasOpenRun } from '@millrace/store/runs/has-open-run.ts'
import type { Static } from 'typebox'
import type { ApiContext } from '../api-context.ts'
import { answers } from '../http/answers.ts'
import { ApiProblem, invalid, notFound } from '../http/api-problem.ts'
import { audited } from '../http/audited.ts'
import { fromToken, isText, toToken } from '../http/page-token.ts'
import type { Api } from '../http/server.ts'
import { pageLimit, pageOf, pageQuery, projectParams } from '../schemas/common.ts'
import { type destinationBody, projectAnswer, projectBody, projectPatch } from '../schemas/project.ts'
import { projectPlace, sealFields } from '../sealed-secrets.ts'

/** Projects: whose data goes where. Secrets of a destination come in and never go out. */
export function addProjects(api: Api, context: ApiContext): void {
  const { db, kek } = context

  api.post(
    '/v1/projects',
    {
      config: { permission: 'projects.create' },
      schema: {
        tags: ['projects'],
        summary: 'Create a project',
        body: projectBody,
        response: answers(201, projectAnswer),
      },
    },
    async (request, reply) => {
      // An account of one project would make one that it cannot see.
      if (request.account.projectId !== null) throw notFound('project')
      const { name, destination } = request.body
      const { config, secrets } = await splitDestination(context, destination)
      const id = context.newId()
      await audited(context, request, async (tx) => {
        await createProject(tx, { id, name, destination: config, secrets: sealFields(kek, projectPlace(id), secrets) })
        return { result: id, action: 'project.create', object: `project:${id}`, after: { name, destination: config } }
      })
      return reply.code(201).send(toAnswer((await getProject(db, id))!))
    },
  )

  api.get(
    '/v1/projects',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['projects'],
        summary: 'List projects',
        querystring: pageQuery,
        response: answers(200, pageOf(projectAnswer)),
      },
    },
    async (request) => {
      const { limit = pageLimit, after } = request.query
      const page = await listProjects(db, { after: fromToken(after, isText), limit, only: request.account.projectId })
      return { items: page.items.map(toAnswer), next: page.next === null ? null : toToken(page.next) }
    },
  )

  api.get(
    '/v1/projects/:projectId',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['projects'],
        summary: 'Read a project',
        params: projectParams,
        response: answers(200, projectAnswer),
      },
    },
    async (request) => toAnswer((await getProject(db, request.params.projectId)) ?? missing()),
  )

  api.patch(
    '/v1/projects/:projectId',
    {
      config: { permission: 'projects.change' },
      schema: {
        tags: ['projects'],
        summary: 'Change a project',
        description:
          'A destination is given as a whole, its token and secret included. Its destinationProjectId and region cannot be changed while runs are at work: a run goes to one project.',
        params: projectParams,
        body: projectPatch,
        response: answers(200, projectAnswer),
      },
    },
    async (request) => {
      const { projectId: id } = request.params
      const { name, destination } = request.body
      const before = (await getProject(db, id)) ?? missing()
      const split = destination === undefined ? null : await splitDestination(context, destination)
      if (split && before.destination.kind !== split.config.kind)
        throw invalid('destination_kind_fixed', 'A project keeps the kind of its destination.', [
          {
            path: 'destination.kind',
            code: 'fixed',
            message: `is ${before.destination.kind}`,
            hint: 'Create another project for the other kind.',
          },
        ])
      // One that needs attention takes nothing until it is mended, and its id may be what is wrong.
      const moves = split !== null && before.attention === null && placeOf(split.config) !== placeOf(before.destination)
      await audited(context, request, async (tx) => {
        if (moves && (await hasOpenRun(tx, id))) throw destinationInUse()
        const secrets = split ? sealFields(kek, projectPlace(id), split.secrets) : []
        await updateProject(tx, { id, name, destination: split?.config, secrets })
        return {
          result: id,
          action: 'project.change',
          object: `project:${id}`,
          before: { name: before.name, destination: before.destination },
          after: {
            name: name ?? before.name,
            destination: split?.config ?? before.destination,
            secretsReplaced: split !== null,
            destinationChanged: split !== null && !isDeepStrictEqual(split.config, before.destination),
          },
        }
      })
      return toAnswer((await getProject(db, id)) ?? missing())
    },
  )
}

function missing(): never {
  throw notFound('project')
}

/** What names the project there. Its account and the address of its server may change while runs are at work. */
function placeOf({ region, destinationProjectId }: Readonly<Record<string, unknown>>): string {
  return JSON.stringify([region, destinationProjectId])
}

function destinationInUse(): ApiProblem {
  return new ApiProblem(
    409,
    'destination_in_use',
    'Runs of the project are at work, and would end up half in one destination and half in the other.',
    'Wait for their end or cancel them. Syncs go on from where they are: rows loaded before are not sent to the new place.',
  )
}

/** What is stored as it is and what is sealed. Throws a 422 unless updates may be sent there. */
async function splitDestination(context: ApiContext, destination: Static<typeof destinationBody>) {
  const { token, secret, ...config } = destination
  if (config.kind === 'ingestion') await requireDestinationUrl(context, config.baseUrl)
  return { config, secrets: { token, secret } }
}

async function requireDestinationUrl(context: ApiContext, baseUrl: string): Promise<void> {
  try {
    await context.checkDestinationUrl(baseUrl)
  } catch (error) {
    const { code = 'host_invalid', message, hint = '' } = error as Error & { code?: string; hint?: string }
    throw invalid('destination_not_allowed', message, [{ path: 'destination.baseUrl', code, message, hint }])
  }
}

function toAnswer(project: Project): Static<typeof projectAnswer> {
  const { id, name, destination, attention, parkedSince, externalId, createdAt, updatedAt } = project
  return {
    id,
    name,
    destination: destination as Static<typeof projectAnswer>['destination'],
    attention,
    parkedSince: parkedSince?.toISOString() ?? null,
    externalId,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  }
}
