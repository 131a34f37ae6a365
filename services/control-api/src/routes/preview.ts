import { identityColumns } from '@millrace/domain/mapping/identity.ts'
import type { Mapping } from '@millrace/domain/mapping/mapping.ts'
import { getSource } from '@millrace/store/sources/get-source.ts'
import type { ApiContext } from '../api-context.ts'
import { checkMapping } from '../check-sync.ts'
import { answers } from '../http/answers.ts'
import { notFound } from '../http/api-problem.ts'
import type { Api } from '../http/server.ts'
import { decodeRow } from '../preview/decode-row.ts'
import { mapRows } from '../preview/map-rows.ts'
import { PreviewSink } from '../preview/preview-sink.ts'
import { sourceParams } from '../schemas/common.ts'
import { previewAnswer, previewBody } from '../schemas/source.ts'
import { useSource } from '../use-warehouse.ts'

const rowsMax = 50
const bytesMax = 100 * 1024

/** The first rows of a table, and what a mapping makes of them. Rows pass through and are kept nowhere. */
export function addPreview(api: Api, context: ApiContext): void {
  api.post(
    '/v1/projects/:projectId/sources/:sourceId/preview',
    {
      config: { permission: 'sources.preview' },
      schema: {
        tags: ['catalogue'],
        summary: 'Preview a table and its mapped result',
        description: 'At most 50 rows or 100 KB, read and mapped by what a run uses. Nothing is sent anywhere.',
        params: sourceParams,
        body: previewBody,
        response: answers(200, previewAnswer),
      },
    },
    async (request) => {
      const source = await getSource(context.db, request.params)
      if (source === null) throw notFound('source')
      const { table, limit = rowsMax, mode = 'full' } = request.body
      const mapping = request.body.mapping as Mapping | undefined
      const sink = new PreviewSink({ rowsMax: limit, bytesMax })
      const { schema, estimate } = await useSource(context, source, async (warehouse, signal) => {
        const described = await warehouse.describeTable(table, signal)
        if (mapping) checkMapping(mapping, described)
        const identity = mapping ? identityColumns(mapping, described) : described.key
        await warehouse.preview(table, identity, limit, sink, signal)
        const whole = { table, mode, insertTimeColumn: null, overlapMs: 0, cursor: null }
        return { schema: described, estimate: await warehouse.estimate(whole, signal) }
      })
      const mapped = mapping
        ? mapRows({ rows: sink.rows, mapping, schema, warehouse: source.warehouse, nowMs: context.now() })
        : { updates: [], rejects: [] }
      return {
        columns: schema.columns.map(({ name, type, sourceType }) => ({ name, type, sourceType })),
        rows: sink.rows.map(({ row }) => decodeRow(schema, row, 0, row.length)),
        cut: sink.cut,
        warnings: [...(schema.warnings ?? [])],
        estimate,
        ...mapped,
      }
    },
  )
}
