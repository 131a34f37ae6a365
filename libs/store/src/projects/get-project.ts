import type { Queries } from '../open-store.ts'
import type { Problem } from '../schema.ts'
import { parkedSince } from './parked-since.ts'

export type Project = {
  readonly id: string
  readonly name: string
  /** DestinationConfig without its secrets. */
  readonly destination: Readonly<Record<string, unknown>>
  readonly createdAt: Date
  readonly updatedAt: Date
  readonly parkedSince: Date | null
  readonly attention: Problem | null
  /** Named when Millrace takes on a role of the customer's AWS account. */
  readonly externalId: string
}

export const projectColumns = [
  'id',
  'name',
  'destination',
  'created_at as createdAt',
  'updated_at as updatedAt',
  parkedSince().as('parkedSince'),
  'attention',
  'external_id as externalId',
] as const

/** A project; null when there is none of this id. */
export async function getProject(db: Queries, id: string): Promise<Project | null> {
  const project = await db.selectFrom('projects').select(projectColumns).where('id', '=', id).executeTakeFirst()
  return project ?? null
}
