import type { WarehouseKind } from '@millrace/domain/words.ts'
import type { Queries } from '../open-store.ts'
import { type SealedField, sealedFields } from '../secrets/sealed-fields.ts'

export type SourceConnection = {
  readonly projectId: string
  readonly warehouse: WarehouseKind
  readonly options: Readonly<Record<string, unknown>>
  readonly updatedAt: Date
  /** Still encrypted: libs/secrets opens them. */
  readonly secrets: readonly SealedField[]
}

/** What is needed to connect to a source; null when it does not exist or was deleted. */
export async function sourceConnection(db: Queries, sourceId: string): Promise<SourceConnection | null> {
  const source = await db
    .selectFrom('sources')
    .select(['project_id as projectId', 'warehouse', 'options', 'updated_at as updatedAt'])
    .where('id', '=', sourceId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return source ? { ...source, secrets: await sealedFields(db, `source:${sourceId}`) } : null
}
