import { Readable } from 'node:stream'
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { FastifyInstance } from 'fastify'
import { authenticate } from './basic-auth.ts'
import type { HttpContext } from './http-context.ts'
import { MixpanelError } from './mixpanel-error.ts'

type ExportQuery = {
  from_date: string
  to_date: string
  project_id?: string
  import_id?: string
  event?: string
  limit?: number
}

/** Text gathered before it is handed on. */
const chunkChars = 256 * 1024

/**
 * GET /api/2.0/export, https://docs.mixpanel.com/reference/raw-event-export: events of days (UTC, both included) as
 * NDJSON, each property as it was received. `import_id` is an addition of ours.
 */
export function exportRoute(server: FastifyInstance, context: HttpContext): void {
  server.get<{ Querystring: ExportQuery }>(
    '/api/2.0/export',
    {
      schema: {
        summary: 'Raw export as NDJSON',
        tags: ['Mixpanel-compatible'],
        security: [{ basicAuth: [] }],
        querystring: {
          type: 'object',
          required: ['from_date', 'to_date'],
          properties: {
            from_date: { type: 'string', format: 'date' },
            to_date: { type: 'string', format: 'date' },
            project_id: { type: 'string' },
            import_id: { type: 'string' },
            event: { type: 'string', description: 'JSON array of event names' },
            limit: { type: 'integer', minimum: 1 },
          },
        },
      },
    },
    async ({ headers, query }, reply) => {
      const project = await authenticate(context.projects, headers.authorization, query.project_id || null)
      const { sql, values } = exportStatement(query)
      // The read lasts as long as the answer: its connection closes when the stream ends, however it ends.
      const lines = Promise.withResolvers<Readable>()
      project
        .read(async (connection) => {
          const stream = Readable.from(exportLines(connection, sql, values), { objectMode: false })
          lines.resolve(stream)
          await new Promise((resolve) => stream.once('close', resolve))
        })
        .catch(lines.reject)
      return reply.type('application/x-ndjson').send(await lines.promise)
    },
  )
}

function exportStatement(query: ExportQuery): { sql: string; values: DuckDBValue[] } {
  const fromMs = Date.parse(`${query.from_date}T00:00:00Z`)
  const endMs = Date.parse(`${query.to_date}T00:00:00Z`) + 86_400_000
  if (Number.isNaN(fromMs) || Number.isNaN(endMs))
    throw new MixpanelError(400, 'from_date and to_date must be yyyy-mm-dd')
  const values: DuckDBValue[] = [BigInt(fromMs), BigInt(endMs)]
  let sql = 'SELECT event, properties FROM events WHERE time_ms >= $1 AND time_ms < $2'
  if (query.import_id !== undefined) sql += ` AND import_id = $${values.push(query.import_id)}`
  if (query.event !== undefined) {
    const names = eventNames(query.event)
    sql += ` AND event IN (${names.map((name) => `$${values.push(name)}`).join(', ')})`
  }
  if (query.limit !== undefined) sql += ` LIMIT ${query.limit}`
  return { sql, values }
}

function eventNames(text: string): string[] {
  try {
    const names: unknown = JSON.parse(text)
    if (Array.isArray(names) && names.length > 0 && names.every((name) => typeof name === 'string')) return names
  } catch {
    // Answered below, as any other value that is no list of names.
  }
  throw new MixpanelError(400, 'event must be a JSON array of names')
}

async function* exportLines(connection: DuckDBConnection, sql: string, values: DuckDBValue[]): AsyncGenerator<string> {
  const result = await connection.stream(sql, values)
  let text = ''
  for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0; chunk = await result.fetchChunk()) {
    for (const [event, properties] of chunk.getRows() as [string, string][]) {
      text += `{"event":${JSON.stringify(event)},"properties":${properties}}\n`
      if (text.length < chunkChars) continue
      yield text
      text = ''
    }
  }
  if (text !== '') yield text
}
