import { STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'

/** A request that a Mixpanel-compatible endpoint refuses as a whole; answered as Mixpanel does. */
export class MixpanelError extends Error {
  readonly statusCode: number
  readonly retryAfterSeconds: number | undefined

  constructor(statusCode: number, message: string, retryAfterSeconds?: number) {
    super(message)
    this.name = 'MixpanelError'
    this.statusCode = statusCode
    this.retryAfterSeconds = retryAfterSeconds
  }
}

export function sendMixpanelError(error: MixpanelError, reply: FastifyReply): FastifyReply {
  if (error.statusCode === 401) reply.header('www-authenticate', 'Basic realm="ingestion"')
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds))
  return reply
    .code(error.statusCode)
    .send({ code: error.statusCode, error: error.message, status: STATUS_CODES[error.statusCode] ?? 'Error' })
}
