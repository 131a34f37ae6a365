import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { isFinalRunState } from '@millrace/domain/sync/run-state.ts'
import { type Account, findAccount } from '@millrace/store/accounts/find-account.ts'
import { getRun } from '@millrace/store/runs/get-run.ts'
import { Type } from 'typebox'
import type { ApiContext } from '../api-context.ts'
import { answers } from '../http/answers.ts'
import { ApiProblem, notFound } from '../http/api-problem.ts'
import type { Api } from '../http/server.ts'
import { RateWindow } from '../rate-window.ts'
import { figuresOf } from '../read-run.ts'
import { type RunAnswer, toRunAnswer } from '../run-answer.ts'
import { runParams } from '../schemas/common.ts'

const lookMs = 1000
/** Proxies close what is silent for a minute. */
const heartbeatMs = 15_000
const streamsMax = 200
/** How long an account that was revoked may go on watching. */
const letInMs = 15_000

/**
 * A run as server-sent events: `progress` with the run whenever it has changed, `end` with it once it is over. Clients
 * that connect again go on with the present state. https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function addRunEvents(api: Api, context: ApiContext): void {
  let streams = 0
  api.get(
    '/v1/projects/:projectId/runs/:runId/events',
    {
      config: { permission: 'runs.read' },
      exposeHeadRoute: false,
      schema: {
        tags: ['runs'],
        summary: 'Watch a run (server-sent events)',
        params: runParams,
        produces: ['text/event-stream'],
        response: answers(200, Type.String({ description: 'Events `progress` and `end`; data is the run' })),
      },
    },
    async (request, reply) => {
      if (!(await getRun(context.db, request.params))) throw notFound('run')
      if (streams >= streamsMax)
        throw new ApiProblem(503, 'too_many_streams', 'Too many runs are being watched.', 'Read the run instead.', {
          headers: { 'retry-after': '10' },
        })
      const gone = new AbortController()
      request.raw.once('close', () => gone.abort())
      reply.hijack()
      for (const [header, value] of Object.entries(reply.getHeaders())) reply.raw.setHeader(header, value ?? '')
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
      streams++
      try {
        const signal = AbortSignal.any([gone.signal, context.stopping])
        // Whoever does not read is not written to; the server's time-out then ends the connection.
        for await (const event of watchRun(context, request.account, request.params, signal))
          if (!reply.raw.write(event)) await once(reply.raw, 'drain', { signal })
      } catch (err) {
        if (!gone.signal.aborted) context.log.warn({ err, requestId: request.id }, 'event stream ended')
      } finally {
        streams--
        reply.raw.end()
      }
      return reply
    },
  )
}

async function* watchRun(
  context: ApiContext,
  account: Account,
  place: { readonly projectId: string; readonly runId: string },
  signal: AbortSignal,
): AsyncGenerator<string> {
  const rate = new RateWindow()
  let last = ''
  let saidAt = context.now()
  let letInAt = saidAt
  while (!signal.aborted) {
    if (context.now() - letInAt >= letInMs) {
      if ((await findAccount(context.db, account.username))?.id !== account.id) return
      letInAt = context.now()
    }
    const run = await getRun(context.db, place)
    if (run === null) return
    const figures = await figuresOf(context, run)
    const now = context.now()
    const perSecond = rate.add(now, figures.totals.rows ?? 0)
    const isOver = isFinalRunState(run.state)
    const answer = toRunAnswer(run, figures, now, isOver ? undefined : (perSecond ?? undefined))
    const text = JSON.stringify(answer)
    if (isOver) {
      yield eventOf('end', answer)
      return
    }
    if (text !== last || now - saidAt >= heartbeatMs) {
      yield text === last ? ': still here\n\n' : eventOf('progress', answer)
      last = text
      saidAt = now
    }
    await sleep(lookMs, undefined, { signal }).catch(() => undefined)
  }
}

function eventOf(event: 'progress' | 'end', run: RunAnswer): string {
  return `event: ${event}\ndata: ${JSON.stringify(run)}\n\n`
}
