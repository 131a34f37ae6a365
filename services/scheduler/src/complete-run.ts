import { succeedRun } from '@millrace/store/completion/succeed-run.ts'
import type { Queries } from '@millrace/store/open-store.ts'
import { type PartitionCounts, partitionCounts } from '@millrace/store/progress/run-counts.ts'
import { transitionRun } from '@millrace/store/runs/transition.ts'
import { failpoint } from '@millrace/telemetry/failpoint.ts'

/** The manifest equation of one partition: every batch and row that was published was counted, each with one outcome. */
export function isWhole(partition: PartitionCounts): boolean {
  const { ended, gap, unequal, manifestRows, rows, accepted, rejected, filtered } = partition
  return ended && !gap && unequal === 0 && manifestRows === rows && accepted + rejected + filtered === rows
}

/**
 * Ends a draining run whose `run_end` was reached everywhere: succeeded when the manifest equation holds on every
 * partition, else failed with `records_lost`. Null when somebody else has ended it.
 */
export async function completeRun(db: Queries, runId: string): Promise<'succeeded' | 'failed' | null> {
  const partitions = await partitionCounts(db, runId)
  if (partitions.length > 0 && partitions.every(isWhole)) {
    await failpoint('scheduler.beforeComplete')
    const succeeded = await succeedRun(db, { runId })
    await failpoint('scheduler.afterComplete')
    return succeeded ? 'succeeded' : null
  }
  return (await failForLoss(db, runId, partitions)) ? 'failed' : null
}

/** Fails a run some of whose records did not come through. The cursor stays, so the next run reads them again. */
export async function failForLoss(
  db: Queries,
  runId: string,
  partitions: readonly PartitionCounts[],
): Promise<boolean> {
  const published = partitions.reduce((sum, { manifestRows }) => sum + manifestRows, 0)
  const counted = partitions.reduce((sum, { accepted, rejected, filtered }) => sum + accepted + rejected + filtered, 0)
  const where = partitions.filter((partition) => !isWhole(partition)).map(({ partition }) => partition)
  return transitionRun(db, {
    runId,
    from: ['reading', 'draining'],
    to: 'failed',
    error: {
      code: 'records_lost',
      message: `Records were lost in the queue: ${published} rows were published, ${counted} came through (partitions ${where.join(', ')}).`,
      hint: 'The next run reads the same rows again. Look at the retention of the topics and at the dead-letter topic.',
    },
  })
}
