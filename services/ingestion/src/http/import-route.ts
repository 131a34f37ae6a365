import { dropBuffer } from '@millrace/domain/drop-buffer.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { BodySyntaxError } from '../events/body-syntax-error.ts'
import { type ImportBatch, readImportBatch, TooManyRecordsError } from '../events/import-batch.ts'
import { authenticateSender } from './basic-auth.ts'
import type { HttpContext } from './http-context.ts'
import { MixpanelError } from './mixpanel-error.ts'
import { decodeBody, readDataField } from './request-body.ts'

type ImportQuery = { strict?: string; project_id?: string; verbose?: string; api_key?: string }
type ImportRequest = FastifyRequest<{ Querystring: ImportQuery; Body: Buffer | null }>

const labels = { stage: 'ingest' } as const
const rejectLabels = { stage: 'ingest', reason: 'invalid' } as const

/**
 * POST /import, https://docs.mixpanel.com/reference/import-events: events that are answered for are on disk.
 */
export function importRoute(server: FastifyInstance, context: HttpContext): void {
  server.post('/import', { schema: importSchema }, async (request, reply) =>
    importEvents(request as ImportRequest, reply, context),
  )
  // Older libraries send the data of a single event in the query.
  server.get('/import', { schema: { ...importSchema, hide: true } }, async (request, reply) =>
    importEvents(request as ImportRequest, reply, context),
  )
}

async function importEvents(request: ImportRequest, reply: FastifyReply, context: HttpContext): Promise<unknown> {
  const startedMs = performance.now()
  const { projects, config, instruments, now } = context
  const { strict, project_id: projectId, api_key: apiKey, verbose } = request.query
  const project =
    (apiKey === undefined ? undefined : projects.byToken(apiKey)) ??
    (await authenticateSender(projects, request.headers.authorization, projectId || null))
  if (project.log.sealed.length > config.backlogSegmentsMax)
    throw new MixpanelError(503, 'The backlog of the project is full', 2)
  const isForm = isFormRequest(request)
  const body = await readBody(request, project.settings.limits.batchBytesMax)

  // From here to append nothing waits: the frame is built for its place in the log.
  const { batchRecordsMax: recordsMax } = project.settings.limits
  const firstSequence = project.log.nextSequence
  const options = { nowMs: now(), strict: strict === '1', recordsMax, firstSequence, pool: context.buffers }
  const batch = readBatch(recordsMax, () => readImportBatch(body, options))
  const bodyBytes = body.length
  dropBuffer(body)
  const waitSeconds = project.rate?.take(batch.records, now()) ?? 0
  if (waitSeconds > 0)
    throw new MixpanelError(429, 'Project exceeded rate limits. Please retry the request', waitSeconds)
  const stored = batch.frame.records
  if (stored > 0) await project.log.append(batch.frame)
  batch.frame.release()

  instruments.recordsIn.add(batch.records, labels)
  instruments.recordsOut.add(stored, labels)
  instruments.bytesIn.add(bodyBytes, labels)
  if (batch.failed.length > 0) instruments.rejects.add(batch.failed.length, rejectLabels)
  instruments.batchSeconds.record((performance.now() - startedMs) / 1000, labels)
  if (isForm) return reply.type('application/json').send(legacyAnswer(batch, verbose === '1'))
  return importAnswer(reply, stored, strict === '1' ? batch.failed : [])
}

/** 200, or 400 with the records that were not taken while the others were. */
export function importAnswer(reply: FastifyReply, taken: number, failed: ImportBatch['failed']): unknown {
  if (failed.length === 0) return { code: 200, num_records_imported: taken, status: 'OK' }
  return reply.code(400).send({
    code: 400,
    error: 'some data points in the request failed validation',
    failed_records: failed,
    num_records_imported: taken,
    status: 'Bad Request',
  })
}

/** Forms are answered by the text 1 or 0. */
export function legacyAnswer(batch: Pick<ImportBatch, 'failed'>, verbose: boolean): string {
  const first = batch.failed[0]
  if (!verbose) return first === undefined ? '1' : '0'
  return JSON.stringify({ status: first === undefined ? 1 : 0, error: first?.message ?? null })
}

export function isFormRequest(request: FastifyRequest): boolean {
  const type = request.headers['content-type'] ?? ''
  return request.method === 'GET' || type.startsWith('application/x-www-form-urlencoded')
}

/** The JSON of a request, whichever way it was sent. */
export async function readBody(request: FastifyRequest, bytesMax: number): Promise<Buffer> {
  if (request.method === 'GET') return readDataField(request.url.slice(request.url.indexOf('?') + 1))
  const sent = (request.body as Buffer | null) ?? Buffer.alloc(0)
  const body = await decodeBody(sent, request.headers['content-encoding'], bytesMax)
  return isFormRequest(request) ? readDataField(body.toString('latin1')) : body
}

/** What `read` makes of a body; a body that cannot be read is the client's error. */
export function readBatch(recordsMax: number, read: () => ImportBatch): ImportBatch {
  try {
    return read()
  } catch (error) {
    if (error instanceof BodySyntaxError) throw new MixpanelError(400, `The body is not JSON: ${error.message}`)
    if (error instanceof TooManyRecordsError)
      throw new MixpanelError(413, `Request exceeds max number of records, which is ${recordsMax}`)
    throw error
  }
}

const importSchema = {
  summary: 'Import events',
  description:
    'A JSON array or NDJSON of events, plain or gzip. Basic auth: a service account with project_id, or the project token as user name. With strict=1 invalid events are named in a 400 while the good ones are stored.',
  tags: ['Mixpanel-compatible'],
  security: [{ basicAuth: [] }],
  querystring: {
    type: 'object',
    properties: { strict: { type: 'string', enum: ['0', '1'] }, project_id: { type: 'string' } },
  },
} as const
