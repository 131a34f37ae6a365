import type { WarehouseKind } from '@millrace/domain/words.ts'
import type { Queries } from '../open-store.ts'

export type Source = {
  readonly id: string
  readonly projectId: string
  readonly name: string
  readonly warehouse: WarehouseKind
  readonly options: Readonly<Record<string, unknown>>
  readonly createdAt: Date
  readonly updatedAt: Date
}

export const sourceColumns = [
  'id',
  'project_id as projectId',
  'name',
  'warehouse',
  'options',
  'created_at as createdAt',
  'updated_at as updatedAt',
] as const

/** A source of a project; null when the project has none of this id. */
export async function getSource(
  db: Queries,
  { projectId, sourceId }: { readonly projectId: string; readonly sourceId: string },
): Promise<Source | null> {
  const source = await db
    .selectFrom('sources')
    .select(sourceColumns)
    .where('id', '=', sourceId)
    .where('project_id', '=', projectId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  return source ?? null
}
