import type { Lane } from '@millrace/domain/words.ts'
import { sql } from 'kysely'
import type { Queries } from '../open-store.ts'

export type Parking = {
  readonly projectId: string
  readonly lane: Lane
  readonly partition: number
  readonly state: 'parked' | 'open'
  readonly lastParkedOffset: bigint | null
  readonly since: Date
}

/** The projects whose updates of a partition are, or were, parked. recordProgress writes them. */
export async function listParkings(
  db: Queries,
  { lane, partition }: { readonly lane: Lane; readonly partition: number },
): Promise<Parking[]> {
  const rows = await db
    .selectFrom('parkings')
    .select([
      'project_id as projectId',
      'lane',
      'partition',
      'state',
      sql<string | null>`last_parked_offset::text`.as('lastParkedOffset'),
      'since',
    ])
    .where('lane', '=', lane)
    .where('partition', '=', partition)
    .orderBy('project_id')
    .execute()
  return rows.map((row) => ({
    ...row,
    lastParkedOffset: row.lastParkedOffset === null ? null : BigInt(row.lastParkedOffset),
  }))
}
