import { type Account, findAccount } from '@millrace/store/accounts/find-account.ts'
import { appendAudit } from '@millrace/store/audit/append-audit.ts'
import { getProject } from '@millrace/store/projects/get-project.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiContext } from '../api-context.ts'
import { ApiProblem, notFound } from './api-problem.ts'
import { FailedSignIns } from './failed-sign-ins.ts'
import { mayRole } from './permissions.ts'

/** Requests of one account. */
const accountRate = { requests: 3000, windowMs: 60_000 }
/** Audit entries of one account for projects that are not its own. */
const deniedRate = { requests: 60, windowMs: 60_000 }

/**
 * Lets through who may: signs the caller in by basic auth, then asks for the route's permission, then for the project of
 * the path. Denies by default: a route that names no permission fails when it is added.
 */
export function guardRoutes(api: FastifyInstance, context: ApiContext): void {
  const failures = new FailedSignIns(context.now)
  api.decorateRequest('account')
  api.addHook('onRoute', (route) => {
    if (route.url.startsWith('/docs')) route.config = { ...route.config, permission: 'public' }
    if (route.config?.permission === undefined) throw new Error(`${route.method} ${route.url} names no permission`)
  })
  api.addHook('onRequest', async (request) => {
    if (request.is404) return
    const { permission } = request.routeOptions.config
    if (permission === 'public') return
    const account = await signIn(context, failures, request)
    if (permission === undefined || !mayRole(account.role, permission))
      throw new ApiProblem(
        403,
        'forbidden',
        `The role ${account.role} may not do this.`,
        'Ask an owner for an account with another role.',
      )
    request.account = account
    await checkRate(context, account.id)
    const { projectId } = request.params as { projectId?: string }
    if (projectId === undefined) return
    // The same answer for a project that is not there and one that the account has nothing to do with.
    if (!isId(projectId)) throw notFound('project')
    if (account.projectId !== null && account.projectId !== projectId) {
      await auditDenied(context, account, { projectId, requestId: request.id })
      throw notFound('project')
    }
    if (!(await getProject(context.db, projectId))) throw notFound('project')
  })
}

async function signIn(context: ApiContext, failures: FailedSignIns, request: FastifyRequest) {
  const credentials = basicCredentials(request.headers.authorization)
  if (credentials === null) throw unauthenticated('The request has no basic authorization.')
  const { username, secret } = credentials
  const source = `${request.ip} ${username}`
  const waitMs = failures.waitMs(source)
  if (waitMs > 0)
    throw new ApiProblem(429, 'too_many_failures', 'Too many wrong sign-ins.', 'Wait, then use the right secret.', {
      headers: { 'retry-after': String(Math.ceil(waitMs / 1000)) },
    })
  const account = await findAccount(context.db, username)
  const right = await context.verifier.verify(username, secret, account?.secretHash ?? null)
  if (!right || account === null) {
    failures.add(source)
    throw unauthenticated('User name or secret is wrong.')
  }
  failures.forget(source)
  return account
}

/** The path's ids are checked against their schemas later than this. */
function isId(text: string): boolean {
  return /^[A-Za-z0-9-]{1,100}$/.test(text)
}

/** Somebody asks for what is another project's: worth an entry, not a flood of them. */
async function auditDenied(
  { db, limiter }: ApiContext,
  account: Account,
  { projectId, requestId }: { readonly projectId: string; readonly requestId: string },
): Promise<void> {
  const { allowed } = await limiter.allow(`denied:${account.id}`, deniedRate)
  if (!allowed) return
  const object = `project:${projectId}`
  await appendAudit(db, { actor: account.username, action: 'access.denied', object, requestId })
}

async function checkRate({ limiter }: ApiContext, accountId: string): Promise<void> {
  const verdict = await limiter.allow(`account:${accountId}`, accountRate)
  if (verdict.allowed) return
  throw new ApiProblem(429, 'too_many_requests', 'The account sends too many requests.', 'Wait, and send fewer.', {
    headers: { 'retry-after': String(Math.max(1, Math.ceil(verdict.retryAfterMs / 1000))) },
  })
}

function unauthenticated(message: string): ApiProblem {
  return new ApiProblem(401, 'unauthenticated', message, 'Send the user name and secret of a service account.', {
    headers: { 'www-authenticate': 'Basic realm="millrace", charset="UTF-8"' },
  })
}

/** RFC 7617: base64 of user name, colon, secret. */
function basicCredentials(header: string | undefined): { username: string; secret: string } | null {
  const match = /^basic ([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')
  if (!match) return null
  const text = Buffer.from(match[1]!, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  return colon < 1 || text.includes('\0') ? null : { username: text.slice(0, colon), secret: text.slice(colon + 1) }
}
