import { readFileSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import { createServer as createHttps } from 'node:https'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { MillraceError } from '@millrace/domain/errors.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { exportRoute } from './export-route.ts'
import type { HttpContext } from './http-context.ts'
import { importRoute } from './import-route.ts'
import { lookupRoutes } from './lookup-routes.ts'
import { mirrorRoute } from './mirror-route.ts'
import { MixpanelError, sendMixpanelError } from './mixpanel-error.ts'
import { operatorRoutes } from './operator-routes.ts'
import { HttpProblem, problemBody, problemType } from './problem.ts'
import { profileRoutes } from './profile-routes.ts'
import { readRoutes } from './read-routes.ts'

/** Largest body as sent, before a project's own limit, in bytes. */
const bodyBytesMax = 101 * 1024 * 1024

/** The public server, not listening yet. */
export async function createIngestionServer(context: HttpContext, log: Logger): Promise<FastifyInstance> {
  const { tlsCertificateFile, tlsKeyFile } = context.config
  const tls =
    tlsCertificateFile && tlsKeyFile ? { cert: readFileSync(tlsCertificateFile), key: readFileSync(tlsKeyFile) } : null
  const server = Fastify({
    serverFactory: (handler) => (tls === null ? createHttp(handler) : createHttps(tls, handler)),
    bodyLimit: bodyBytesMax,
    requestTimeout: 120_000,
    routerOptions: { maxParamLength: 1024 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
  })
  await server.register(swagger, {
    openapi: {
      info: {
        title: 'Millrace ingestion',
        description: "The reference destination: Mixpanel's ingestion endpoints on DuckDB, and a read API.",
        version: '1',
      },
      components: {
        securitySchemes: {
          basicAuth: { type: 'http', scheme: 'basic' },
          bearerAuth: { type: 'http', scheme: 'bearer' },
        },
      },
    },
  })
  await server.register(swaggerUi, { routePrefix: '/docs' })
  server.get('/openapi.json', { schema: { hide: true } }, async () => server.swagger())
  await server.register(async (scope) => mixpanelRoutes(scope, context, log))
  await server.register(async (scope) => {
    scope.setErrorHandler<FastifyError>((error, _request, reply) => sendProblem(error, reply, log))
    await scope.register(readRoutes, context)
    await scope.register(operatorRoutes, context)
  })
  server.setNotFoundHandler((_request, reply) =>
    reply
      .code(404)
      .type(problemType)
      .send(problemBody(404, 'not_found', 'There is no such path.', 'See /docs.')),
  )
  return server
}

/** Bodies arrive as bytes, whatever their type says; errors are Mixpanel's. */
function mixpanelRoutes(server: FastifyInstance, context: HttpContext, log: Logger): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  boundInFlight(server, context.config.inFlightBytesMax)
  server.setErrorHandler<FastifyError>((error, _request, reply) => {
    if (error instanceof MixpanelError) return sendMixpanelError(error, reply)
    if (error instanceof MillraceError) return sendMixpanelError(new MixpanelError(503, error.message, 1), reply)
    const status = error.statusCode ?? 500
    if (status < 500) return sendMixpanelError(new MixpanelError(status, error.message), reply)
    log.error({ err: error }, 'request failed')
    return sendMixpanelError(new MixpanelError(500, 'internal error'), reply)
  })
  importRoute(server, context)
  mirrorRoute(server, context)
  profileRoutes(server, context)
  lookupRoutes(server, context)
  exportRoute(server, context)
}

/** Refuses requests with 503 while those in work have more than `bytesMax` bytes of body, one always goes. */
function boundInFlight(server: FastifyInstance, bytesMax: number): void {
  let inFlight = 0
  server.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, done) => {
    const bytes = Number(request.headers['content-length'] ?? (request.method === 'GET' ? 0 : bytesMax / 8))
    if (inFlight > 0 && inFlight + bytes > bytesMax) {
      sendMixpanelError(new MixpanelError(503, 'Too much is being received', 1), reply)
      return
    }
    inFlight += bytes
    // The answer's end or the connection's, whichever way the request ends.
    reply.raw.once('close', () => {
      inFlight -= bytes
    })
    done()
  })
}

function sendProblem(error: FastifyError, reply: FastifyReply, log: Logger): FastifyReply {
  reply.type(problemType)
  if (error instanceof HttpProblem) {
    if (error.statusCode === 401) reply.header('www-authenticate', 'Basic realm="ingestion"')
    return reply.code(error.statusCode).send(problemBody(error.statusCode, error.code, error.message, error.hint))
  }
  if (error instanceof MillraceError)
    return reply
      .code(503)
      .header('retry-after', '1')
      .send(problemBody(503, error.code, error.message, error.hint))
  const status = error.statusCode ?? 500
  if (status < 500)
    return reply.code(status).send(problemBody(status, 'request_invalid', error.message, 'See /docs for the request.'))
  log.error({ err: error }, 'request failed')
  return reply.code(500).send(problemBody(500, 'internal', 'The request failed.', 'See the log of the service.'))
}
