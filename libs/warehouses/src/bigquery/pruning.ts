import type { MirrorCursor } from '../mirror/mirror-cursor.ts'
import type { FoundTable } from './catalog.ts'
import { ask } from './jobs.ts'
import { partitionsStatement } from './mirror-statements.ts'
import { changedPartitions, mayPrune, type Partition, partitionFilter, partitionsOf } from './partitions.ts'
import type { Place } from './set-aside.ts'

/** The partitions of a snapshot or table; null when it has none by time, or its catalogue does not tell them. */
export async function listPartitions(
  { client }: Pick<Place, 'client'>,
  { table, location, partitioning, rows }: FoundTable,
  signal: AbortSignal,
): Promise<readonly Partition[] | null> {
  if (partitioning.unit === null) return null
  const sql = partitionsStatement(client.projectId, table.schema, table.name)
  const found = partitionsOf((await ask(client, sql, signal, { location }))[0]?.[0] ?? null)
  return found.length === 0 && rows > 0 ? null : found
}

export type PruningInputs = {
  /** The table itself. */
  readonly found: FoundTable
  readonly identity: readonly string[]
  readonly last: MirrorCursor
  /** Of the snapshot that is compared with the last one. */
  readonly partitions: readonly Partition[] | null
}

/** A condition that leaves the partitions which may differ from the last run; null = all must be compared. */
export async function changedFilter(
  place: Pick<Place, 'client'>,
  { found, identity, last, partitions }: PruningInputs,
  signal: AbortSignal,
): Promise<string | null> {
  if (partitions === null || last.partitions === undefined || mayPrune(found, identity) === 'no') return null
  const table = await listPartitions(place, found, signal)
  if (table === null) return null
  const ids = changedPartitions({ old: last.partitions, at: last.at, now: partitions, table })
  return ids === null ? null : partitionFilter(found, ids)
}
