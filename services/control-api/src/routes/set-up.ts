import { setUpStatements } from '@millrace/warehouses/postgres/setup.ts'
import type { ApiContext } from '../api-context.ts'
import { answers } from '../http/answers.ts'
import type { Api } from '../http/server.ts'
import { setUpAnswer, setUpQuery } from '../schemas/source.ts'

/** What to run in a warehouse before it is made a source. */
export function addSetUp(api: Api, _context: ApiContext): void {
  api.get(
    '/v1/warehouses/postgres/set-up',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['sources'],
        summary: 'SQL that makes a role which may read one schema and nothing else',
        description: 'Put a password of its own in place of … and run it as owner of the schema.',
        querystring: setUpQuery,
        response: answers(200, setUpAnswer),
      },
    },
    async ({ query: { role = 'millrace', schema = 'public' } }) => ({ statements: [...setUpStatements(role, schema)] }),
  )
}
