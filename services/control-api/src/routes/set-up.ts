import { getProject } from '@millrace/store/projects/get-project.ts'
import { warehouseDrivers } from '@millrace/warehouses/warehouse-drivers.ts'
import type { ApiContext } from '../api-context.ts'
import { answers } from '../http/answers.ts'
import { notFound } from '../http/api-problem.ts'
import type { Api } from '../http/server.ts'
import { projectParams } from '../schemas/common.ts'
import { setUpAnswer, setUpBody } from '../schemas/set-up.ts'
import { granteeOf, setUpSteps } from '../set-up.ts'

/** What to run in a warehouse before it is made a source. */
export function addSetUp(api: Api, context: ApiContext): void {
  api.post(
    '/v1/projects/:projectId/sources/set-up',
    {
      config: { permission: 'sources.change' },
      schema: {
        tags: ['sources'],
        summary: 'Show what to run in a warehouse before it is made a source',
        description:
          'SQL, commands and JSON, filled in with your names, in the order of running them. Nothing is run or stored. Testing the connection then tells which step is missing.',
        params: projectParams,
        body: setUpBody,
        response: answers(200, setUpAnswer),
      },
    },
    async ({ params: { projectId }, body: { warehouse, options } }) => {
      if ((await getProject(context.db, projectId)) === null) throw notFound('project')
      const grantee = await granteeOf(context, projectId)
      const steps = setUpSteps(warehouse, options, grantee)
      const asked = warehouseDrivers[warehouse].asksExternalId ? grantee.externalId : undefined
      return { steps: steps.map(toAnswer), externalId: asked ?? null }
    },
  )
}

function toAnswer({ statements, ...step }: ReturnType<typeof setUpSteps>[number]) {
  return { ...step, statements: [...statements] }
}
