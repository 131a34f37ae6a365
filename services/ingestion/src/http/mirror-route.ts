import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ImportBatch } from '../events/import-batch.ts'
import { type MirrorOptions, readMirrorBatch } from '../events/mirror-batch.ts'
import { readHistoryBatch } from '../profiles/history-batch.ts'
import { authenticateSender } from './basic-auth.ts'
import type { HttpContext } from './http-context.ts'
import { importAnswer, readBatch, readBody } from './import-route.ts'
import { MixpanelError } from './mixpanel-error.ts'

const labels = { stage: 'ingest' } as const
const rejectLabels = { stage: 'ingest', reason: 'invalid' } as const

type MirrorRequest = FastifyRequest<{ Querystring: { project_id?: string } }>

/**
 * POST /mirror/events, POST /mirror/profiles: versioned upserts and deletes, which Mixpanel's public API has not. What is
 * answered for is on disk.
 */
export function mirrorRoute(server: FastifyInstance, context: HttpContext): void {
  server.post('/mirror/events', { schema: eventsSchema }, async (request, reply) =>
    mirror(request as MirrorRequest, reply, context, readMirrorBatch),
  )
  server.post('/mirror/profiles', { schema: profilesSchema }, async (request, reply) =>
    mirror(request as MirrorRequest, reply, context, readHistoryBatch),
  )
}

async function mirror(
  request: MirrorRequest,
  reply: FastifyReply,
  { projects, config, instruments, now, buffers }: HttpContext,
  read: (body: Buffer, options: MirrorOptions) => ImportBatch,
): Promise<unknown> {
  const project = await authenticateSender(projects, request.headers.authorization, request.query.project_id || null)
  if (project.log.sealed.length > config.backlogSegmentsMax)
    throw new MixpanelError(503, 'The backlog of the project is full', 2)
  const { batchBytesMax, batchRecordsMax: recordsMax } = project.settings.limits
  const body = await readBody(request, batchBytesMax)
  // From here to append nothing waits: the frame is built for its place in the log.
  const options = { nowMs: now(), recordsMax, firstSequence: project.log.nextSequence, pool: buffers }
  const batch = readBatch(recordsMax, () => read(body, options))
  const waitSeconds = project.rate?.take(batch.records, now()) ?? 0
  if (waitSeconds > 0)
    throw new MixpanelError(429, 'Project exceeded rate limits. Please retry the request', waitSeconds)
  if (batch.frame.records > 0) await project.log.append(batch.frame)
  batch.frame.release()
  const taken = batch.records - batch.failed.length
  instruments.recordsIn.add(batch.records, labels)
  instruments.recordsOut.add(taken, labels)
  instruments.bytesIn.add(body.length, labels)
  if (batch.failed.length > 0) instruments.rejects.add(batch.failed.length, rejectLabels)
  return importAnswer(reply, taken, batch.failed)
}

const common = {
  tags: ['Mirror'],
  security: [{ basicAuth: [] }],
  querystring: { type: 'object', properties: { project_id: { type: 'string' } } },
} as const

const eventsSchema = {
  ...common,
  summary: 'Upsert and delete events by version',
  description:
    'A JSON array of operations ["upsert" or "delete", generation, run_seq, ordinal, event], plain or gzip. Of each event (name, time, distinct_id, $insert_id) the operation with the highest version counts, whatever the order in which they arrive and however often. Rules and answers are those of /import with strict=1; deleting what is not there is no failure.',
} as const

const profilesSchema = {
  ...common,
  summary: 'Upsert and delete rows of profile history by version',
  description:
    'As /mirror/events, with a row of history in place of the event: {"$distinct_id": id} or {"$group_key": key, "$group_id": id}, then "$time" (ms, when the row became active), "$insert_id", "$event" (name of the hidden event that goes with the row) and "$set": properties without lists and objects. A row ends where the next one of the same id begins.',
} as const
