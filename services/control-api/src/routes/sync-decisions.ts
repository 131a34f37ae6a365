import type { Problem } from '@millrace/store/schema.ts'
import type { SyncChoice } from '@millrace/store/syncs/decide-sync.ts'
import { type DecidedRun, startDecidedRun } from '@millrace/store/syncs/start-decided-run.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'
import type { ApiContext } from '../api-context.ts'
import { answers } from '../http/answers.ts'
import { ApiProblem, notFound } from '../http/api-problem.ts'
import { audited } from '../http/audited.ts'
import type { Api } from '../http/server.ts'
import { readRun } from '../read-run.ts'
import { syncParams } from '../schemas/common.ts'
import { runAnswer, startHeaders } from '../schemas/run.ts'
import { decisionBody } from '../schemas/sync.ts'

/** What a person decides when a mirrored sync has stopped, and the run that follows from it. */
export function addSyncDecisions(api: Api, context: ApiContext): void {
  api.post(
    '/v1/projects/:projectId/syncs/:syncId/decision',
    {
      config: { permission: 'runs.control' },
      schema: {
        tags: ['syncs'],
        summary: 'Decide how a mirrored sync goes on',
        description:
          'The choice must answer the stateReason of the sync; resync is always possible while no run is open. 201 with the run that follows; 200 with the run that the idempotency key has started before.',
        params: syncParams,
        headers: startHeaders,
        body: decisionBody,
        response: { ...answers(201, runAnswer), 200: runAnswer },
      },
    },
    async (request, reply) => {
      const { choice } = request.body
      const place = request.params
      const idempotencyKey = request.headers['idempotency-key']
      const decided = await audited(context, request, async (tx) => {
        const result = startedOr409(choice, await startDecidedRun(tx, { ...place, choice, idempotencyKey }))
        const { runId, created, before } = result
        return {
          result,
          action: 'sync.decide',
          object: `sync:${place.syncId}`,
          before,
          after: { choice, runId, created },
        }
      })
      const { runId, created } = decided!
      await failpoint('control-api.afterRunStored')
      const answer = await readRun(context, { projectId: place.projectId, runId })
      return reply.code(created ? 201 : 200).send(answer)
    },
  )
}

type Choice = SyncChoice | 'resync'
type Started = Extract<DecidedRun, { outcome: 'started' }>

function startedOr409(choice: Choice, decided: DecidedRun): Started {
  switch (decided.outcome) {
    case 'started':
      return decided
    case 'not_found':
      throw notFound('sync')
    case 'not_mirrored':
      throw nothingToDecide('Only mirrored syncs ask for decisions.', 'Start a run, or create another sync.')
    case 'nothing_to_decide':
      throw unfit(choice, decided.reason)
  }
}

/** Why the choice does not answer what the sync waits for. */
function unfit(choice: Choice, reason: Problem | null): ApiProblem {
  if (reason === null) return nothingToDecide('The sync waits for nobody.', 'Start a run.')
  if (choice === 'continue' && ['schema_changed', 'resync_required'].includes(reason.code))
    return new ApiProblem(
      409,
      'resync_required',
      `The sync cannot continue: ${reason.message}`,
      'Choose resync: what was loaded is removed, and the whole table is sent again.',
    )
  return nothingToDecide(`The sync waits because of ${reason.code}: ${reason.message}`, reason.hint)
}

function nothingToDecide(message: string, hint: string): ApiProblem {
  return new ApiProblem(409, 'nothing_to_decide', message, hint)
}
