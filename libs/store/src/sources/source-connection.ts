import type { WarehouseKind } from '@millrace/domain/words.ts'
import type { Queries } from '../open-store.ts'
import { type SealedField, sealedFields } from '../secrets/sealed-fields.ts'

export type SourceConnection = {
  readonly projectId: string
  readonly warehouse: WarehouseKind
  readonly options: Readonly<Record<string, unknown>>
  readonly updatedAt: Date
  /** Of the project: see projects/external-id.ts. */
  readonly externalId: string
  /** Still encrypted: libs/secrets opens them. */
  readonly secrets: readonly SealedField[]
}

/**
 * What is needed to connect to a source; null when it does not exist. One that was deleted has no tasks but those that remove
 * what its runs have left in the warehouse: its secrets stay as long as there is one.
 */
export async function sourceConnection(db: Queries, sourceId: string): Promise<SourceConnection | null> {
  const source = await db
    .selectFrom('sources')
    .innerJoin('projects', 'projects.id', 'sources.project_id')
    .select([
      'sources.project_id as projectId',
      'sources.warehouse',
      'sources.options',
      'sources.updated_at as updatedAt',
      'projects.external_id as externalId',
    ])
    .where('sources.id', '=', sourceId)
    .executeTakeFirst()
  return source ? { ...source, secrets: await sealedFields(db, `source:${sourceId}`) } : null
}
