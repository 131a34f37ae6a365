import { listRejects, type RejectKey } from '@millrace/store/rejects/list-rejects.ts'
import { createRun } from '@millrace/store/runs/create-run.ts'
import { getRun } from '@millrace/store/runs/get-run.ts'
import { hasSucceededRun } from '@millrace/store/runs/has-succeeded-run.ts'
import { listRuns } from '@millrace/store/runs/list-runs.ts'
import { requestCancel } from '@millrace/store/runs/request-cancel.ts'
import type { RunTrigger } from '@millrace/store/schema.ts'
import { getSync } from '@millrace/store/syncs/get-sync.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { ApiContext } from '../api-context.ts'
import { answers } from '../http/answers.ts'
import { ApiProblem, notFound } from '../http/api-problem.ts'
import { audited } from '../http/audited.ts'
import { fromToken, isCount, toToken } from '../http/page-token.ts'
import type { Api } from '../http/server.ts'
import { figuresOf, readRun } from '../read-run.ts'
import { toRunAnswer } from '../run-answer.ts'
import { closed, pageLimit, pageOf, pageQuery, runParams, syncParams } from '../schemas/common.ts'
import { rejectAnswer, runAnswer, startHeaders } from '../schemas/run.ts'

/** Runs: start, watch, cancel, and what became of each row. */
export function addRuns(api: Api, context: ApiContext): void {
  const { db } = context

  api.post(
    '/v1/projects/:projectId/syncs/:syncId/runs',
    {
      config: { permission: 'runs.control' },
      schema: {
        tags: ['runs'],
        summary: 'Start a run',
        description: '201 with the new run; 200 with the run that the idempotency key has started before.',
        params: syncParams,
        headers: startHeaders,
        body: Type.Optional(Type.Union([closed({}), Type.Null()])),
        response: { ...answers(201, runAnswer), 200: runAnswer },
      },
    },
    async (request, reply) => {
      const key = request.headers['idempotency-key']
      const { runId, created } = await startRun(context, request, request.params, 'manual', key)
      const answer = await readRun(context, { projectId: request.params.projectId, runId })
      return reply.code(created ? 201 : 200).send(answer)
    },
  )

  api.get(
    '/v1/projects/:projectId/syncs/:syncId/runs',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['runs'],
        summary: 'List the runs of a sync, the newest first',
        params: syncParams,
        querystring: pageQuery,
        response: answers(200, pageOf(runAnswer)),
      },
    },
    async (request) => {
      const { limit = pageLimit, after } = request.query
      if (!(await getSync(db, request.params))) throw notFound('sync')
      const page = await listRuns(db, { ...request.params, after: fromToken(after, isCount), limit })
      const now = context.now()
      const items = []
      for (const run of page.items) items.push(toRunAnswer(run, await figuresOf(context, run), now))
      return { items, next: page.next === null ? null : toToken(page.next) }
    },
  )

  api.get(
    '/v1/projects/:projectId/runs/:runId',
    {
      config: { permission: 'runs.read' },
      schema: { tags: ['runs'], summary: 'Read a run', params: runParams, response: answers(200, runAnswer) },
    },
    async (request) => readRun(context, request.params),
  )

  api.post(
    '/v1/projects/:projectId/runs/:runId/cancel',
    {
      config: { permission: 'runs.control' },
      schema: {
        tags: ['runs'],
        summary: 'Cancel a run',
        description: 'The position of the sync stays where it was; the next run reads the same rows again.',
        params: runParams,
        body: Type.Optional(Type.Union([closed({}), Type.Null()])),
        response: answers(200, runAnswer),
      },
    },
    async (request) => {
      const run = await getRun(db, request.params)
      if (run === null) throw notFound('run')
      await audited(context, request, async (tx) => {
        const after = await requestCancel(tx, { runId: run.id })
        const before = { state: run.state }
        return { result: true, action: 'run.cancel', object: `run:${run.id}`, before, after: { state: after } }
      })
      await failpoint('control-api.afterCancelStored')
      return readRun(context, request.params)
    },
  )

  api.get(
    '/v1/projects/:projectId/runs/:runId/rejects',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['runs'],
        summary: 'List the rejects of a run, in the order of its rows',
        params: runParams,
        querystring: pageQuery,
        response: answers(200, pageOf(rejectAnswer)),
      },
    },
    async (request) => {
      const { limit = pageLimit, after } = request.query
      const { projectId, runId } = request.params
      if (!(await getRun(db, { projectId, runId }))) throw notFound('run')
      const page = await listRejects(db, { runId, after: fromToken(after, isRejectKey), limit })
      const items = page.items.map((reject) => ({ ...reject, createdAt: reject.createdAt.toISOString() }))
      return { items, next: page.next === null ? null : toToken(page.next) }
    },
  )
}

/** Makes a run of a sync of the project. Throws a 404, and a 409 when it has an open one or takes none. */
export async function startRun(
  context: ApiContext,
  request: FastifyRequest,
  { projectId, syncId }: { readonly projectId: string; readonly syncId: string },
  trigger: RunTrigger,
  idempotencyKey?: string,
): Promise<{ runId: string; created: boolean }> {
  const sync = await getSync(context.db, { projectId, syncId })
  if (sync === null) throw notFound('sync')
  const started = await audited(context, request, async (tx) => {
    const run = await createRun(tx, { syncId, trigger, ...(idempotencyKey === undefined ? {} : { idempotencyKey }) })
    // Asked under the lock that createRun holds: of two who start at once the second one sees what the first one did.
    if (run.created && sync.mode === 'one_time' && (await hasSucceededRun(tx, syncId)))
      throw new ApiProblem(
        409,
        'one_time_done',
        'A one-time sync runs once, and has.',
        'Create another sync to load the table again.',
      )
    return {
      result: run,
      action: 'run.start',
      object: `run:${run.runId}`,
      after: { syncId, trigger, created: run.created },
    }
  })
  await failpoint('control-api.afterRunStored')
  return started!
}

function isRejectKey(value: unknown): value is RejectKey {
  if (typeof value !== 'object' || value === null) return false
  const { chunk, ordinal, attempt, stage } = value as Partial<RejectKey>
  return [chunk, ordinal, attempt].every(isCount) && (stage === 'transformer' || stage === 'loader')
}
