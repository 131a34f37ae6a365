import type { RunState } from '@millrace/domain/sync/run-state.ts'
import type { Queries } from '../open-store.ts'
import type { StoredPlan } from '../schema.ts'

export type RunPin = {
  readonly plan: StoredPlan
  /** What other processes need to read at the same position; null when it cannot be shared. */
  readonly pinShared: string | null
  /** Grows with each new pin. */
  readonly pinEpoch: number
  /** Partitions of the run's topics, as they were when it was planned. */
  readonly partitions: number
  /** Name of the process that holds the pin. */
  readonly pinOwner: string
  readonly state: RunState
}

/** A run's plan and reading position; null before it is planned. */
export async function runPin(db: Queries, runId: string): Promise<RunPin | null> {
  const row = await db
    .selectFrom('runs')
    .select([
      'plan',
      'pin_shared as pinShared',
      'pin_epoch as pinEpoch',
      'pin_owner as pinOwner',
      'partitions',
      'state',
    ])
    .where('id', '=', runId)
    .executeTakeFirst()
  if (!row?.plan || row.pinOwner === null || row.partitions === null) return null
  return { ...row, plan: row.plan, pinOwner: row.pinOwner, partitions: row.partitions }
}
