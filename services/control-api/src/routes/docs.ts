import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { Api } from '../http/server.ts'

const description = `Sources, syncs and runs of Millrace. Sign in with a service account (basic auth).
Errors are problem JSON (RFC 9457): \`code\` is stable, \`detail\` says what happened, \`hint\` what to do, \`errors\` where.
Lists give \`next\`; pass it as \`after\` for the next page.`

/** Collects the routes that are added after it. */
export async function collectDocs(api: Api): Promise<void> {
  await api.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Millrace control API', version: '1', description, license: { name: 'Apache-2.0' } },
      servers: [{ url: '/' }],
      components: { securitySchemes: { serviceAccount: { type: 'http', scheme: 'basic' } } },
      security: [{ serviceAccount: [] }],
    },
  })
}

/** `/openapi.json` and, for people, `/docs`. */
export async function serveDocs(api: Api): Promise<void> {
  await api.register(swaggerUi, { routePrefix: '/docs', staticCSP: true })
  api.get('/openapi.json', { config: { permission: 'public' }, schema: { hide: true } }, async () => api.swagger())
}
