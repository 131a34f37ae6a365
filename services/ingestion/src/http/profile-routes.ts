import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { FrameBuilder, lineText } from '../log/record-line.ts'
import { type ProfileUpdate, readProfileUpdate } from '../profiles/profile-update.ts'
import type { Project } from '../projects/project.ts'
import type { HttpContext } from './http-context.ts'
import { isFormRequest, legacyAnswer, readBody } from './import-route.ts'
import { MixpanelError } from './mixpanel-error.ts'

/** Before the project is known, because the token stands inside: Mixpanel's limits. */
const bodyBytesMax = 10 * 1024 * 1024

type Failed = { readonly index: number; readonly insert_id: string; readonly field: string; readonly message: string }

/**
 * POST /engage and /groups, https://docs.mixpanel.com/reference/profile-set and group-set: updates with the token of their
 * project in each, appended to the log in the order in which they stand.
 */
export function profileRoutes(server: FastifyInstance, context: HttpContext): void {
  for (const [url, groups] of [
    ['/engage', false],
    ['/groups', true],
  ] as const) {
    const schema = {
      summary: groups ? 'Update group profiles' : 'Update user profiles',
      description:
        'A JSON array of updates with $token and $set, $set_once, $add, $append, $union, $remove, $unset, $delete.',
      tags: ['Mixpanel-compatible'],
    }
    server.post(url, { schema }, async (request, reply) => update(request, reply, groups, context))
    server.get(url, { schema: { ...schema, hide: true } }, async (request, reply) =>
      update(request, reply, groups, context),
    )
  }
}

async function update(
  request: FastifyRequest,
  reply: FastifyReply,
  groups: boolean,
  context: HttpContext,
): Promise<unknown> {
  const { strict, verbose } = request.query as { strict?: string; verbose?: string }
  const records = parseRecords(await readBody(request, bodyBytesMax))
  const { byProject, failed } = sortOut(records, groups, context)
  if (byProject.size === 0 && failed.some(({ field }) => field === '$token'))
    throw new MixpanelError(401, 'Invalid credentials: $token is not the token of a project')
  const nowMs = context.now()
  for (const [project, updates] of byProject) {
    if (records.length > project.settings.limits.batchRecordsMax)
      throw new MixpanelError(
        413,
        `Request exceeds max number of records, which is ${project.settings.limits.batchRecordsMax}`,
      )
    const waitSeconds = project.rate?.take(updates.length, nowMs) ?? 0
    if (waitSeconds > 0)
      throw new MixpanelError(429, 'Project exceeded rate limits. Please retry the request', waitSeconds)
  }
  const appended = []
  for (const [project, updates] of byProject) appended.push(project.log.append(frameOf(project, updates, nowMs)))
  await Promise.all(appended)

  const stored = records.length - failed.length
  const { instruments } = context
  instruments.recordsIn.add(records.length, { stage: 'ingest' })
  instruments.recordsOut.add(stored, { stage: 'ingest' })
  if (strict !== '1' || isFormRequest(request))
    return reply.type('application/json').send(legacyAnswer({ failed }, verbose === '1'))
  if (failed.length === 0) return { code: 200, num_records_imported: stored, status: 'OK' }
  return reply.code(400).send({
    code: 400,
    error: 'some data points in the request failed validation',
    failed_records: failed,
    num_records_imported: stored,
    status: 'Bad Request',
  })
}

function parseRecords(body: Buffer): readonly unknown[] {
  try {
    const text = new TextDecoder('utf8', { fatal: true }).decode(body)
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : [value]
  } catch {
    throw new MixpanelError(400, 'The body is not JSON in UTF-8')
  }
}

function sortOut(records: readonly unknown[], groups: boolean, { projects }: HttpContext) {
  const byProject = new Map<Project, ProfileUpdate[]>()
  const failed: Failed[] = []
  for (const [index, record] of records.entries()) {
    const read = readProfileUpdate(record, groups)
    if ('message' in read) {
      failed.push({ index, insert_id: '', ...read })
      continue
    }
    const project = projects.byToken(read.token)
    if (project === undefined) {
      failed.push({ index, insert_id: '', field: '$token', message: "'$token' is invalid: no project has it" })
      continue
    }
    const updates = byProject.get(project)
    if (updates === undefined) byProject.set(project, [read])
    else updates.push(read)
  }
  return { byProject, failed }
}

function frameOf(project: Project, updates: readonly ProfileUpdate[], nowMs: number): FrameBuilder {
  const frame = new FrameBuilder('p', project.log.nextSequence, updates.length * 512)
  for (const { groupKey, id, json } of updates) frame.line(nowMs, lineText(groupKey), lineText(id), json)
  return frame
}
