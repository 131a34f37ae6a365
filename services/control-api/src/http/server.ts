import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'

const bodyBytesMax = 1024 * 1024
const headerBytesMax = 16 * 1024
const requestMs = 30_000

/** A server with its limits and nothing in it. Requests are logged where they fail only; ids are its own, never the client's. */
export function createServer(newRequestId: () => string) {
  return Fastify({
    bodyLimit: bodyBytesMax,
    requestTimeout: requestMs,
    connectionTimeout: requestMs * 2,
    keepAliveTimeout: 65_000,
    http: { maxHeaderSize: headerBytesMax },
    routerOptions: { maxParamLength: 300 },
    requestIdHeader: false,
    genReqId: () => newRequestId(),
    forceCloseConnections: 'idle',
    logger: false,
    trustProxy: false,
  })
    .setValidatorCompiler(TypeBoxValidatorCompiler)
    .withTypeProvider<TypeBoxTypeProvider>()
}

export type Api = ReturnType<typeof createServer>
