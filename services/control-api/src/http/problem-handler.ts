import { STATUS_CODES } from 'node:http'
import type { Logger } from '@millrace/telemetry/logger.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type ApiProblem, ApiProblem as Problem } from './api-problem.ts'
import { isFault, toProblem } from './to-problem.ts'

/** Makes every error of the API an RFC 9457 problem; https://www.rfc-editor.org/rfc/rfc9457 */
export function handleProblems(api: FastifyInstance, log: Logger): void {
  api.setErrorHandler((error, request, reply) => {
    const problem = toProblem(error)
    if (isFault(problem)) log.error({ err: problem.cause ?? problem, requestId: request.id }, 'request failed')
    return sendProblem(reply, request, problem)
  })
  api.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      request,
      new Problem(404, 'route_not_found', `There is no ${request.method} of this path.`, 'See /docs for the paths.'),
    ),
  )
}

export function sendProblem(reply: FastifyReply, request: FastifyRequest, problem: ApiProblem): FastifyReply {
  const { status, code, message, hint, errors } = problem
  return reply
    .code(status)
    .headers(problem.headers)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .serializer((body: unknown) => JSON.stringify(body))
    .send({
      type: `urn:millrace:problem:${code}`,
      title: STATUS_CODES[status] ?? 'Error',
      status,
      code,
      detail: message,
      hint,
      instance: `urn:request:${request.id}`,
      ...(errors.length > 0 ? { errors } : {}),
    })
}
