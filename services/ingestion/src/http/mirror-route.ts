import type { FastifyInstance, FastifyRequest } from 'fastify'
import { readMirrorBatch } from '../events/mirror-batch.ts'
import { authenticateSender } from './basic-auth.ts'
import type { HttpContext } from './http-context.ts'
import { importAnswer, readBatch, readBody } from './import-route.ts'
import { MixpanelError } from './mixpanel-error.ts'

const labels = { stage: 'ingest' } as const
const rejectLabels = { stage: 'ingest', reason: 'invalid' } as const

/** POST /mirror/events: versioned upserts and deletes of events, which Mixpanel's public API has not. */
export function mirrorRoute(server: FastifyInstance, context: HttpContext): void {
  const { projects, config, instruments, now, buffers } = context
  server.post('/mirror/events', { schema: mirrorSchema }, async (request, reply) => {
    const { headers, query } = request as FastifyRequest<{ Querystring: { project_id?: string } }>
    const project = await authenticateSender(projects, headers.authorization, query.project_id || null)
    if (project.log.sealed.length > config.backlogSegmentsMax)
      throw new MixpanelError(503, 'The backlog of the project is full', 2)
    const { batchBytesMax, batchRecordsMax: recordsMax } = project.settings.limits
    const body = await readBody(request, batchBytesMax)
    // From here to append nothing waits: the frame is built for its place in the log.
    const options = { nowMs: now(), recordsMax, firstSequence: project.log.nextSequence, pool: buffers }
    const batch = readBatch(recordsMax, () => readMirrorBatch(body, options))
    const waitSeconds = project.rate?.take(batch.records, now()) ?? 0
    if (waitSeconds > 0)
      throw new MixpanelError(429, 'Project exceeded rate limits. Please retry the request', waitSeconds)
    if (batch.frame.records > 0) await project.log.append(batch.frame)
    batch.frame.release()
    instruments.recordsIn.add(batch.records, labels)
    instruments.recordsOut.add(batch.records - batch.failed.length, labels)
    instruments.bytesIn.add(body.length, labels)
    if (batch.failed.length > 0) instruments.rejects.add(batch.failed.length, rejectLabels)
    return importAnswer(reply, batch.records - batch.failed.length, batch.failed)
  })
}

const mirrorSchema = {
  summary: 'Upsert and delete events by version',
  description:
    'A JSON array of operations ["upsert" or "delete", generation, run_seq, ordinal, event], plain or gzip. Of each event (name, time, distinct_id, $insert_id) the operation with the highest version counts, whatever the order in which they arrive and however often. Rules and answers are those of /import with strict=1; deleting what is not there is no failure.',
  tags: ['Mirror'],
  security: [{ basicAuth: [] }],
  querystring: { type: 'object', properties: { project_id: { type: 'string' } } },
} as const
