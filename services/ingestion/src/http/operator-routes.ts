import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@fastify/type-provider-typebox'
import { defaultLimits } from '../projects/project-settings.ts'
import type { HttpContext } from './http-context.ts'
import { HttpProblem } from './problem.ts'
import { isOperator } from './read-routes.ts'

const ProjectBody = Type.Object(
  {
    token: Type.String({ minLength: 1, maxLength: 255 }),
    serviceAccounts: Type.Array(
      Type.Object(
        {
          username: Type.String({ minLength: 1, maxLength: 255, pattern: '^[^:]+$' }),
          secret: Type.String({ minLength: 1, maxLength: 1024 }),
        },
        { additionalProperties: false },
      ),
      { maxItems: 20 },
    ),
    limits: Type.Optional(
      Type.Object(
        {
          batchRecordsMax: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
          batchBytesMax: Type.Optional(Type.Integer({ minimum: 1024, maximum: 100 * 1024 * 1024 })),
          recordsPerSecond: Type.Optional(Type.Union([Type.Null(), Type.Integer({ minimum: 1 })])),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
)

/** The operator's API: makes projects. Secrets are kept as hashes and never given back. */
export const operatorRoutes: FastifyPluginAsyncTypebox<HttpContext> = async (server, { projects, config }) => {
  server.put(
    '/operator/projects/:projectId',
    {
      schema: {
        summary: 'Make a project or replace its token, service accounts and limits',
        tags: ['Operator'],
        security: [{ bearerAuth: [] }],
        params: Type.Object({ projectId: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' }) }),
        body: ProjectBody,
        response: {
          200: Type.Object({
            projectId: Type.String(),
            serviceAccounts: Type.Array(Type.Object({ username: Type.String() })),
            limits: Type.Object({
              batchRecordsMax: Type.Integer(),
              batchBytesMax: Type.Integer(),
              recordsPerSecond: Type.Union([Type.Null(), Type.Integer()]),
            }),
          }),
        },
      },
    },
    async ({ headers, params, body }) => {
      if (!isOperator(headers.authorization, config.operatorToken))
        throw new HttpProblem(
          401,
          'unauthorized',
          "The operator's token is needed.",
          'Send Authorization: Bearer <token>.',
        )
      const limits = { ...defaultLimits, ...body.limits }
      const done = await projects.put(params.projectId, { ...body, limits })
      if (!done) throw new HttpProblem(409, 'token_taken', 'Another project has this token.', 'Choose another token.')
      return {
        projectId: params.projectId,
        serviceAccounts: body.serviceAccounts.map(({ username }) => ({ username })),
        limits,
      }
    },
  )
}
