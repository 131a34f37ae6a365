import { setUpStatements as bigQueryStatements } from '@millrace/warehouses/bigquery/setup.ts'
import { setUpStatements } from '@millrace/warehouses/postgres/setup.ts'
import type { ApiContext } from '../api-context.ts'
import { answers } from '../http/answers.ts'
import type { Api } from '../http/server.ts'
import { bigQuerySetUpQuery, setUpAnswer, setUpQuery } from '../schemas/source.ts'

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
  api.get(
    '/v1/warehouses/bigquery/set-up',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['sources'],
        summary: 'Statements that make a staging dataset and grant a service account what a source needs',
        description:
          'In order, for an owner of the project: SQL for the console of BigQuery, and one command of gcloud.',
        querystring: bigQuerySetUpQuery,
        response: answers(200, setUpAnswer),
      },
    },
    async ({ query: { stagingDataset = 'millrace', location = 'US', ...names } }) => ({
      statements: [...bigQueryStatements({ ...names, stagingDataset, location })],
    }),
  )
}
