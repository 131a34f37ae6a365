import type { Queries } from '../open-store.ts'
import type { Problem } from '../schema.ts'
import { type SealedField, sealedFields } from '../secrets/sealed-fields.ts'
import { parkedSince } from './parked-since.ts'

export type ProjectDestination = {
  readonly projectId: string
  /** DestinationConfig (libs/destinations) without its secrets. */
  readonly config: Readonly<Record<string, unknown>>
  /** Still encrypted, sealed under the owner `project:<id>`: libs/secrets opens them. */
  readonly secrets: readonly SealedField[]
  /** Changes whenever the destination or a secret of it does. */
  readonly updatedAt: Date
  /** Why nothing is sent for now. */
  readonly attention: Problem | null
  readonly parkedSince: Date | null
}

/** Where a project's updates go; null when there is no such project. */
export async function projectDestination(db: Queries, projectId: string): Promise<ProjectDestination | null> {
  const project = await db
    .selectFrom('projects')
    .select([
      'id as projectId',
      'destination as config',
      'updated_at as updatedAt',
      'attention',
      parkedSince().as('parkedSince'),
    ])
    .where('id', '=', projectId)
    .executeTakeFirst()
  return project ? { ...project, secrets: await sealedFields(db, `project:${projectId}`) } : null
}
