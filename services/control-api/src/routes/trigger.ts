import { getRun } from '@millrace/store/runs/get-run.ts'
import { StoreError } from '@millrace/store/store-error.ts'
import { getSync } from '@millrace/store/syncs/get-sync.ts'
import { claimTrigger, triggersAnHour } from '@millrace/store/triggers/claim-trigger.ts'
import { Type } from 'typebox'
import type { ApiContext } from '../api-context.ts'
import { answers } from '../http/answers.ts'
import { ApiProblem, notFound } from '../http/api-problem.ts'
import type { Api } from '../http/server.ts'
import { readRun } from '../read-run.ts'
import { closed, syncParams } from '../schemas/common.ts'
import { runAnswer } from '../schemas/run.ts'
import { startRun } from './runs.ts'

/** The trigger URL of a sync, for orchestrators: five calls an hour, counted in Postgres. */
export function addTrigger(api: Api, context: ApiContext): void {
  api.put(
    '/v1/projects/:projectId/syncs/:syncId/trigger',
    {
      config: { permission: 'syncs.trigger' },
      schema: {
        tags: ['runs'],
        summary: 'Trigger a run',
        description: `201 with the new run; 200 with the one that is queued already and will read what is there now; 409 while an earlier run is at work. ${triggersAnHour} an hour, then 429 with Retry-After.`,
        params: syncParams,
        body: Type.Optional(Type.Union([closed({}), Type.Null()])),
        response: { ...answers(201, runAnswer), 200: runAnswer },
      },
    },
    async (request, reply) => {
      const { projectId, syncId } = request.params
      if (!(await getSync(context.db, { projectId, syncId }))) throw notFound('sync')
      const claim = await claimTrigger(context.db, { syncId, actor: request.account.username, requestId: request.id })
      if (!claim.allowed)
        throw new ApiProblem(
          429,
          'trigger_limit',
          `A sync can be triggered ${triggersAnHour} times an hour.`,
          `Wait ${claim.retryAfterS} seconds.`,
          { headers: { 'retry-after': String(claim.retryAfterS) } },
        )
      try {
        const { runId } = await startRun(context, request, request.params, 'trigger_url')
        return reply.code(201).send(await readRun(context, { projectId, runId }))
      } catch (error) {
        const queued = await queuedRun(context, projectId, error)
        if (queued === null) throw error
        return reply.code(200).send(await readRun(context, { projectId, runId: queued }))
      }
    },
  )
}

/** The open run that the error names, if it has not begun: it will read everything that is there by now. */
async function queuedRun({ db }: ApiContext, projectId: string, error: unknown): Promise<string | null> {
  if (!(error instanceof StoreError) || error.code !== 'run_open_exists' || error.runId === null) return null
  const run = await getRun(db, { projectId, runId: error.runId })
  return run?.state === 'queued' ? run.id : null
}
