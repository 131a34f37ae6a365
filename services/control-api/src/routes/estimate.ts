import { getSource } from '@millrace/store/sources/get-source.ts'
import { getSync } from '@millrace/store/syncs/get-sync.ts'
import { syncCursor } from '@millrace/store/syncs/sync-cursor.ts'
import type { ApiContext } from '../api-context.ts'
import { answers } from '../http/answers.ts'
import { notFound } from '../http/api-problem.ts'
import type { Api } from '../http/server.ts'
import { syncParams } from '../schemas/common.ts'
import { estimateAnswer } from '../schemas/sync.ts'
import { useSource } from '../use-warehouse.ts'

/** What the next run of a sync will be charged for, asked of the warehouse beforehand. */
export function addEstimate(api: Api, context: ApiContext): void {
  const { db } = context
  api.get(
    '/v1/projects/:projectId/syncs/:syncId/estimate',
    {
      config: { permission: 'read' },
      schema: {
        tags: ['syncs'],
        summary: 'Estimate what the next run will read',
        description: 'A dry run: nothing is read and nothing is charged.',
        params: syncParams,
        response: answers(200, estimateAnswer),
      },
    },
    async (request) => {
      const sync = await getSync(db, request.params)
      if (sync === null) throw notFound('sync')
      const source = await getSource(db, { projectId: sync.projectId, sourceId: sync.sourceId })
      if (source === null) throw notFound('source')
      const { mode, insertTimeColumn, overlapMs } = sync
      const table = { schema: sync.tableSchema, name: sync.tableName }
      const cursor = await syncCursor(db, request.params)
      const asked = { table, mode, insertTimeColumn, overlapMs, cursor }
      const estimate = await useSource(context, source, (warehouse, signal) => warehouse.estimate(asked, signal))
      return { bytes: estimate?.bytes ?? null }
    },
  )
}
