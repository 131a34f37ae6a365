import { hashAccountSecret, newAccountSecret } from '@millrace/secrets/account-secret.ts'
import { createAccount } from '@millrace/store/accounts/create-account.ts'
import { listAccounts } from '@millrace/store/accounts/list-accounts.ts'
import { revokeAccount } from '@millrace/store/accounts/revoke-account.ts'
import { getProject } from '@millrace/store/projects/get-project.ts'
import type { ApiContext } from '../api-context.ts'
import { answers, nothing } from '../http/answers.ts'
import { ApiProblem, notFound } from '../http/api-problem.ts'
import { audited } from '../http/audited.ts'
import { fromToken, isText, toToken } from '../http/page-token.ts'
import type { Api } from '../http/server.ts'
import { accountAnswer, accountBody, accountParams, newAccountAnswer } from '../schemas/account.ts'
import { pageLimit, pageOf, pageQuery } from '../schemas/common.ts'

/** Service accounts: who may ask. Managed by owners of all projects. */
export function addAccounts(api: Api, context: ApiContext): void {
  const { db } = context

  api.post(
    '/v1/service-accounts',
    {
      config: { permission: 'accounts.manage' },
      schema: {
        tags: ['service accounts'],
        summary: 'Create a service account',
        description: 'The secret is made here, and shown in this answer only.',
        body: accountBody,
        response: answers(201, newAccountAnswer),
      },
    },
    async (request, reply) => {
      requireAllProjects(request.account.projectId)
      const { username, role, projectId = null } = request.body
      if (projectId !== null && !(await getProject(db, projectId))) throw notFound('project')
      const id = context.newId()
      const secret = newAccountSecret()
      const secretHash = await hashAccountSecret(secret)
      await audited(context, request, async (tx) => {
        await createAccount(tx, { id, username, secretHash, projectId, role })
        return { result: id, action: 'account.create', object: `account:${id}`, after: { username, role, projectId } }
      })
      return reply.code(201).send({ id, username, role, projectId, secret })
    },
  )

  api.get(
    '/v1/service-accounts',
    {
      config: { permission: 'accounts.manage' },
      schema: {
        tags: ['service accounts'],
        summary: 'List service accounts',
        querystring: pageQuery,
        response: answers(200, pageOf(accountAnswer)),
      },
    },
    async (request) => {
      requireAllProjects(request.account.projectId)
      const { limit = pageLimit, after } = request.query
      const page = await listAccounts(db, { after: fromToken(after, isText), limit })
      const items = page.items.map((account) => ({ ...account, createdAt: account.createdAt.toISOString() }))
      return { items, next: page.next === null ? null : toToken(page.next) }
    },
  )

  api.delete(
    '/v1/service-accounts/:accountId',
    {
      config: { permission: 'accounts.manage' },
      schema: {
        tags: ['service accounts'],
        summary: 'Revoke a service account',
        params: accountParams,
        response: answers(204, nothing),
      },
    },
    async (request, reply) => {
      requireAllProjects(request.account.projectId)
      const { accountId } = request.params
      if (accountId === request.account.id)
        throw new ApiProblem(409, 'own_account', 'An account cannot revoke itself.', 'Use another owner account.')
      const username = await audited(context, request, async (tx) => {
        const revoked = await revokeAccount(tx, accountId)
        return revoked === null
          ? null
          : { result: revoked, action: 'account.revoke', object: `account:${accountId}`, before: { username: revoked } }
      })
      if (username === null) throw notFound('service account')
      return reply.code(204).send(null)
    },
  )
}

function requireAllProjects(projectId: string | null): void {
  if (projectId === null) return
  throw new ApiProblem(
    403,
    'forbidden',
    'Accounts of one project do not manage accounts.',
    'Ask an owner of all projects.',
  )
}
