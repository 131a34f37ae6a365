import type { Queries } from '../open-store.ts'

/**
 * The external id of a project: made by us, so that a role of a customer's AWS account can trust Millrace for this project
 * only. null when there is no such project. https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
 */
export async function externalId(db: Queries, projectId: string): Promise<string | null> {
  const project = await db
    .selectFrom('projects')
    .select('external_id as externalId')
    .where('id', '=', projectId)
    .executeTakeFirst()
  return project?.externalId ?? null
}
