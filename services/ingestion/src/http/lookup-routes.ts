import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { CsvError, checkLookupCsv } from '../lookup/csv.ts'
import { authenticate } from './basic-auth.ts'
import type { HttpContext } from './http-context.ts'
import { MixpanelError } from './mixpanel-error.ts'
import { decodeBody } from './request-body.ts'

const tag = ['Mixpanel-compatible']
const security = [{ basicAuth: [] }]
const querystring = { type: 'object', properties: { project_id: { type: 'string' } } } as const

/** Lookup tables: https://docs.mixpanel.com/reference/replace-lookup-table and list-lookup-tables. */
export function lookupRoutes(server: FastifyInstance, context: HttpContext): void {
  const { projects, config } = context

  server.put<{ Params: { id: string }; Querystring: { project_id?: string }; Body: Buffer | null }>(
    '/lookup-tables/:id',
    {
      bodyLimit: config.lookupBytesMax,
      schema: {
        summary: 'Replace a lookup table by a CSV, atomically',
        description: 'The header line first; the first column is the id. Readers see the old table or the new one.',
        tags: tag,
        security,
        querystring,
      },
    },
    async (request, reply) => {
      const { headers, query, params } = request
      const project = await authenticate(projects, headers.authorization, query.project_id || null)
      if (params.id.length > 255 || params.id.includes('\0'))
        throw new MixpanelError(400, 'The id of the table is too long')
      const csv = await decodeBody(request.body ?? Buffer.alloc(0), headers['content-encoding'], config.lookupBytesMax)
      if (!isUtf8(csv) || csv.includes(0)) throw new MixpanelError(400, 'The CSV must be UTF-8 without NUL characters')
      try {
        checkLookupCsv(csv)
      } catch (error) {
        if (!(error instanceof CsvError)) throw error
        return reply.code(400).send({
          code: 400,
          error: 'some data points in the request failed validation',
          failed_records: [{ index: error.index, message: error.message }],
          status: 'Bad Request',
        })
      }
      await project.replaceLookupTable(params.id, csv)
      return { code: 200, status: 'OK' }
    },
  )

  server.get<{ Querystring: { project_id?: string } }>(
    '/lookup-tables',
    { schema: { summary: 'List lookup tables', tags: tag, security, querystring } },
    async ({ headers, query }) => {
      const project = await authenticate(projects, headers.authorization, query.project_id || null)
      const tables = await project.read((connection) =>
        connection.runAndReadAll('SELECT table_id FROM lookup_tables ORDER BY table_id'),
      )
      return { code: 200, results: tables.getRows().map(([id]) => ({ id, name: id })), status: 'OK' }
    },
  )
}
