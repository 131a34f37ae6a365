import type { Column } from '@millrace/domain/row-schema.ts'
import { ga4Suggestion, isGa4Table } from '@millrace/domain/sync/ga4.ts'
import { getSource } from '@millrace/store/sources/get-source.ts'
import type { ApiContext } from '../api-context.ts'
import { answers } from '../http/answers.ts'
import { notFound } from '../http/api-problem.ts'
import type { Api } from '../http/server.ts'
import { sourceParams } from '../schemas/common.ts'
import { schemaParams, schemasAnswer, tableAnswer, tableParams, tablesAnswer } from '../schemas/source.ts'
import { useSource } from '../use-warehouse.ts'

/** What a source has: schemas, tables, columns with their types. Read from the warehouse each time. */
export function addCatalogue(api: Api, context: ApiContext): void {
  const { db } = context
  const sourceOf = async (params: { projectId: string; sourceId: string }) => (await getSource(db, params)) ?? missing()

  api.get(
    '/v1/projects/:projectId/sources/:sourceId/schemas',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['catalogue'],
        summary: 'List schemas',
        params: sourceParams,
        response: answers(200, schemasAnswer),
      },
    },
    async ({ params }) => {
      const source = await sourceOf(params)
      const names = await useSource(context, source, (warehouse, signal) => warehouse.listSchemas(signal))
      return { items: names.map((name) => ({ name })) }
    },
  )

  api.get(
    '/v1/projects/:projectId/sources/:sourceId/schemas/:schema/tables',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['catalogue'],
        summary: 'List tables and views',
        params: schemaParams,
        response: answers(200, tablesAnswer),
      },
    },
    async ({ params }) => {
      const source = await sourceOf(params)
      const tables = await useSource(context, source, (warehouse, signal) =>
        warehouse.listTables(params.schema, signal),
      )
      return { items: [...tables] }
    },
  )

  api.get(
    '/v1/projects/:projectId/sources/:sourceId/schemas/:schema/tables/:table',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['catalogue'],
        summary: 'Read the columns of a table',
        params: tableParams,
        response: answers(200, tableAnswer),
      },
    },
    async ({ params }) => {
      const source = await sourceOf(params)
      const table = { schema: params.schema, name: params.table }
      const described = await useSource(context, source, (warehouse, signal) => warehouse.describeTable(table, signal))
      const columns: readonly (Column & { readonly nullable: boolean })[] = described.columns
      return {
        ...table,
        key: [...described.key],
        warnings: [...(described.warnings ?? [])],
        suggestion: isGa4Table(source.warehouse, table) ? ga4Suggestion : null,
        columns: columns.map(({ name, type, sourceType, nullable }) => ({ name, type, sourceType, nullable })),
      }
    },
  )
}

function missing(): never {
  throw notFound('source')
}
