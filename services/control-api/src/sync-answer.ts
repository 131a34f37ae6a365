import { snapshotWarning } from '@millrace/domain/sync/snapshot-warning.ts'
import type { SyncDefinition } from '@millrace/domain/sync/sync-definition.ts'
import type { Sync } from '@millrace/store/syncs/get-sync.ts'
import type { Static } from 'typebox'
import type { syncAnswer } from './schemas/sync.ts'

export type SyncAnswer = Static<typeof syncAnswer>

/** What a person has asked for, of a sync that is stored. */
export function definitionOf(sync: Sync): SyncDefinition {
  const { name, sourceId, tableType, mode, insertTimeColumn, overlapMs, schedule, mapping, lane } = sync
  const table = { schema: sync.tableSchema, name: sync.tableName }
  return { name, sourceId, table, tableType, mode, insertTimeColumn, overlapMs, schedule, mapping, lane }
}

/** A sync as the API shows it, with what its owner should be warned of at `nowMs`. */
export function toSyncAnswer(
  sync: Sync,
  { publicUrl, nowMs }: { readonly publicUrl: string; readonly nowMs: number },
): SyncAnswer {
  const { id, projectId, profileKind, importId, stateReason, mappingVersion, generation, deletionPercentMax } = sync
  const { snapshotExpiresAt } = sync
  const warning = snapshotExpiresAt === null ? null : snapshotWarning(snapshotExpiresAt.getTime(), nowMs)
  return {
    ...(definitionOf(sync) as unknown as Pick<SyncAnswer, 'mapping' | 'schedule' | 'table'> & SyncDefinition),
    id,
    projectId,
    profileKind,
    deletionPercentMax,
    importId,
    state: sync.state as SyncAnswer['state'],
    stateReason,
    generation,
    snapshotExpiresAt: snapshotExpiresAt?.toISOString() ?? null,
    warnings: warning === null ? [] : [warning],
    mappingVersion,
    triggerUrl: `${publicUrl}/v1/projects/${projectId}/syncs/${id}/trigger`,
    nextDueAt: sync.nextDueAt?.toISOString() ?? null,
    createdAt: sync.createdAt.toISOString(),
    updatedAt: sync.updatedAt.toISOString(),
  }
}
