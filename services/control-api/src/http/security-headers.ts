import type { FastifyInstance } from 'fastify'

const strict = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

/** What browsers are told about every answer. The documentation page sets a policy of its own, for its scripts. */
export function sendSecurityHeaders(api: FastifyInstance): void {
  api.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
      'strict-transport-security': 'max-age=31536000',
      'x-request-id': request.id,
      'cache-control': 'no-store',
    })
    if (!request.url.startsWith('/docs')) reply.header('content-security-policy', strict)
  })
}
