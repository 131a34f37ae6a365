import { timingSafeEqual } from 'node:crypto'
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from '@fastify/type-provider-typebox'
import type { Project } from '../projects/project.ts'
import { authenticate } from './basic-auth.ts'
import type { HttpContext } from './http-context.ts'
import { MixpanelError } from './mixpanel-error.ts'
import { HttpProblem } from './problem.ts'
import { runUserQuery } from './user-query.ts'

const base = '/api/read/projects/:projectId'
const answerBytesMax = 16 * 1024 * 1024
const tags = ['Read']
const security: Record<string, string[]>[] = [{ basicAuth: [] }, { bearerAuth: [] }]
const InProject = Type.Object({ projectId: Type.String({ maxLength: 64 }) })
const Count = Type.Integer({ minimum: 0 })
const Properties = Type.Record(Type.String(), Type.Unknown())

/** What arrived: counts, single profiles and rows, SQL. Each read sees all that was acknowledged before it. */
export const readRoutes: FastifyPluginAsyncTypebox<HttpContext> = async (server, context) => {
  const open = (headers: { authorization?: string | undefined }, projectId: string) =>
    openProject(context, headers.authorization, projectId)

  server.get(
    `${base}/counts/events`,
    {
      schema: {
        summary: 'Events by name, each counted once',
        tags,
        security,
        params: InProject,
        querystring: Type.Object({ importId: Type.Optional(Type.String()) }),
        response: {
          200: Type.Object({ total: Count, events: Type.Array(Type.Object({ event: Type.String(), count: Count })) }),
        },
      },
    },
    async ({ headers, params, query }) => {
      const project = await open(headers, params.projectId)
      const filter = query.importId === undefined ? '' : 'WHERE import_id = $1'
      const rows = await select<[string, bigint]>(
        project,
        `SELECT event, count(*) FROM events ${filter} GROUP BY event ORDER BY event`,
        query.importId === undefined ? [] : [query.importId],
      )
      const events = rows.map(([event, count]) => ({ event, count: Number(count) }))
      return { total: events.reduce((sum, { count }) => sum + count, 0), events }
    },
  )

  server.get(
    `${base}/counts/imports`,
    {
      schema: {
        summary: 'Events by import id, each counted once',
        tags,
        security,
        params: InProject,
        response: {
          200: Type.Object({ imports: Type.Array(Type.Object({ importId: Type.String(), count: Count })) }),
        },
      },
    },
    async ({ headers, params }) => {
      const project = await open(headers, params.projectId)
      const rows = await select<[string, bigint]>(
        project,
        'SELECT import_id, count(*) FROM events GROUP BY import_id ORDER BY import_id',
      )
      return { imports: rows.map(([importId, count]) => ({ importId, count: Number(count) })) }
    },
  )

  server.get(
    `${base}/counts/profiles`,
    {
      schema: {
        summary: 'User profiles, group profiles by group key, lookup tables with their rows',
        tags,
        security,
        params: InProject,
        response: {
          200: Type.Object({
            users: Count,
            groups: Type.Array(Type.Object({ groupKey: Type.String(), count: Count })),
            lookupTables: Type.Array(Type.Object({ id: Type.String(), rows: Count })),
          }),
        },
      },
    },
    async ({ headers, params }) => {
      const project = await open(headers, params.projectId)
      const profiles = await select<[string, bigint]>(
        project,
        'SELECT group_key, count(*) FROM profiles GROUP BY group_key ORDER BY group_key',
      )
      const tables = await select<[string, bigint]>(
        project,
        'SELECT table_id, rows FROM lookup_tables ORDER BY table_id',
      )
      return {
        users: Number(profiles.find(([groupKey]) => groupKey === '')?.[1] ?? 0),
        groups: profiles
          .filter(([groupKey]) => groupKey !== '')
          .map(([groupKey, count]) => ({ groupKey, count: Number(count) })),
        lookupTables: tables.map(([id, rows]) => ({ id, rows: Number(rows) })),
      }
    },
  )

  const profile = (summary: string) => ({
    summary,
    tags,
    security,
    response: { 200: Type.Object({ properties: Properties }) },
  })

  server.get(
    `${base}/profiles/:distinctId`,
    {
      schema: {
        ...profile('The properties of a user profile'),
        params: Type.Object({ projectId: Type.String(), distinctId: Type.String() }),
      },
    },
    async ({ headers, params }) => {
      const project = await open(headers, params.projectId)
      return oneProperties(project, 'SELECT properties FROM user_profiles WHERE distinct_id = $1', [params.distinctId])
    },
  )

  server.get(
    `${base}/groups/:groupKey/:groupId`,
    {
      schema: {
        ...profile('The properties of a group profile'),
        params: Type.Object({ projectId: Type.String(), groupKey: Type.String(), groupId: Type.String() }),
      },
    },
    async ({ headers, params }) => {
      const project = await open(headers, params.projectId)
      const sql = 'SELECT properties FROM group_profiles WHERE group_key = $1 AND group_id = $2'
      return oneProperties(project, sql, [params.groupKey, params.groupId])
    },
  )

  server.get(
    `${base}/lookup-tables/:tableId/rows/:rowId`,
    {
      schema: {
        ...profile('A row of a lookup table; of several with the id, the last'),
        params: Type.Object({ projectId: Type.String(), tableId: Type.String(), rowId: Type.String() }),
      },
    },
    async ({ headers, params }) => {
      const project = await open(headers, params.projectId)
      const sql = 'SELECT properties FROM lookup_rows WHERE table_id = $1 AND id = $2 ORDER BY line DESC LIMIT 1'
      return oneProperties(project, sql, [params.tableId, params.rowId])
    },
  )

  server.post(
    `${base}/query`,
    {
      schema: {
        summary: 'A SELECT over the project (DuckDB SQL)',
        description:
          "Tables: events, events_log (every copy), mirrored_events and mirrored_profiles (versions, deleted ones included), profile_history, hidden_events, user_profiles, group_profiles, profiles, lookup_tables, lookup_rows. `properties` is JSON text: properties->>'$.plan'.",
        tags,
        security,
        params: InProject,
        body: Type.Object(
          {
            sql: Type.String({ minLength: 1, maxLength: 100_000 }),
            rowsMax: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, default: 1000 })),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            columns: Type.Array(Type.String()),
            rows: Type.Array(Type.Array(Type.Unknown())),
            complete: Type.Boolean({ description: 'false when a limit cut the answer' }),
          }),
        },
      },
    },
    async ({ headers, params, body }) => {
      const project = await open(headers, params.projectId)
      const limits = { rowsMax: body.rowsMax ?? 1000, bytesMax: answerBytesMax, queryMs: context.config.queryMs }
      return (await project.read((connection) => runUserQuery(connection, body.sql, limits))) as {
        columns: string[]
        rows: unknown[][]
        complete: boolean
      }
    },
  )

  server.delete(
    '/api/projects/:projectId/imports/:importId',
    {
      schema: {
        summary: 'Delete what an import has brought, for good',
        description:
          'With before_generation: its mirrored events and rows of profile history whose generation is lower, those that arrive later included. Safe to repeat.',
        tags,
        security,
        params: Type.Object({ projectId: Type.String(), importId: Type.String({ minLength: 1, maxLength: 255 }) }),
        querystring: Type.Object({
          before_generation: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
        }),
        response: { 202: Type.Object({ importId: Type.String() }) },
      },
    },
    async ({ headers, params, query }, reply) => {
      const project = await open(headers, params.projectId)
      await project.deleteImport(params.importId, query.before_generation ?? null)
      return reply.code(202).send({ importId: params.importId })
    },
  )
}

/** The project of a path, for its own credentials or the operator's token; throws a problem with 401 or 404. */
async function openProject(
  { projects, config }: HttpContext,
  header: string | undefined,
  projectId: string,
): Promise<Project> {
  if (isOperator(header, config.operatorToken)) {
    const project = projects.byId(projectId)
    if (project !== undefined) return project
    throw new HttpProblem(
      404,
      'project_not_found',
      'There is no such project.',
      'PUT /operator/projects/:id makes one.',
    )
  }
  try {
    return await authenticate(projects, header, projectId)
  } catch (error) {
    if (!(error instanceof MixpanelError)) throw error
    const code = error.statusCode === 401 ? 'unauthorized' : 'busy'
    throw new HttpProblem(error.statusCode, code, error.message, 'Send a service account of this project.')
  }
}

/** Whether a header carries the operator's token; compared in constant time. */
export function isOperator(header: string | undefined, token: string): boolean {
  const sent = Buffer.from(/^bearer\s+(\S+)$/i.exec(header ?? '')?.[1] ?? '')
  const expected = Buffer.from(token)
  return expected.length > 0 && sent.length === expected.length && timingSafeEqual(sent, expected)
}

async function select<Row>(project: Project, sql: string, values: DuckDBValue[] = []): Promise<Row[]> {
  return await project.read(async (connection: DuckDBConnection) => {
    const result = await connection.runAndReadAll(sql, values)
    return result.getRows() as unknown as Row[]
  })
}

async function oneProperties(project: Project, sql: string, values: DuckDBValue[]) {
  const [row] = await select<[string]>(project, sql, values)
  if (row === undefined) throw new HttpProblem(404, 'not_found', 'Nothing has this id.', 'Ids are case-sensitive.')
  return { properties: JSON.parse(row[0]) as Record<string, unknown> }
}
