import { getProject } from '@millrace/store/projects/get-project.ts'
import { acceptedByMonth } from '@millrace/store/usage/accepted-by-month.ts'
import type { ApiContext } from '../api-context.ts'
import { answers } from '../http/answers.ts'
import { ApiProblem, notFound } from '../http/api-problem.ts'
import type { Api } from '../http/server.ts'
import { projectParams } from '../schemas/common.ts'
import { usageAnswer, usageQuery } from '../schemas/usage.ts'
import { monthOf, monthsBetween, startOfMonth, usageMonths } from '../usage-months.ts'

const monthsMax = 24

/** Billable operations: docs/billing.md. */
export function addUsage(api: Api, { db, now }: ApiContext): void {
  api.get(
    '/v1/projects/:projectId/usage',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['usage'],
        summary: 'Billable operations by month',
        description: `At most ${monthsMax} months. An operation counts in the month of UTC in which its run ended.`,
        params: projectParams,
        querystring: usageQuery,
        response: answers(200, usageAnswer),
      },
    },
    async (request) => {
      const { projectId } = request.params
      if (!(await getProject(db, projectId))) throw notFound('project')
      const { to = monthOf(now()) } = request.query
      const { from = to } = request.query
      const months = monthsBetween(from, to)
      if (months.length === 0 || months.length > monthsMax) throw monthsInvalid()
      const span = { from: startOfMonth(from), before: startOfMonth(to, 1) }
      return { months: usageMonths(months, await acceptedByMonth(db, { projectId, ...span })) }
    },
  )
}

function monthsInvalid(): ApiProblem {
  return new ApiProblem(
    422,
    'months_invalid',
    `from and to must be 1 to ${monthsMax} months.`,
    'Give the first month as from and the last one as to.',
  )
}
