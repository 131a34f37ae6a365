import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'
import { finishTask } from './finish-task.ts'
import { lockRun } from './lock-run.ts'
import { addCloseTaskWhenRead } from './read-to-the-end.ts'

export type ReadCompletion = {
  readonly runId: string
  readonly index: number
  readonly attempt: number
  readonly rows: number
  /** Rows and batches published to each partition: this attempt's part of the manifest. */
  readonly partitionRows: readonly number[]
  readonly partitionBatches: readonly number[]
  /** Encoded bytes published. */
  readonly bytes: number
}

/**
 * Makes an attempt at a chunk the one that counts. False, and nothing is changed, when the lease is another's by now or
 * the run reads no longer: then what the attempt has published is counted by nobody.
 */
export async function completeRead(db: Queries, completion: ReadCompletion): Promise<boolean> {
  const { runId, index, attempt, rows, partitionRows, partitionBatches, bytes } = completion
  return inTransaction(db, async (tx) => {
    if ((await lockRun(tx, runId)) !== 'reading') return false
    if (!(await finishTask(tx, { runId, kind: 'read', index, attempt }))) return false
    await tx
      .updateTable('run_tasks')
      .set({
        rows,
        published_bytes: bytes,
        partition_rows: [...partitionRows],
        partition_batches: [...partitionBatches],
      })
      .where('run_id', '=', runId)
      .where('kind', '=', 'read')
      .where('index', '=', index)
      .execute()
    await addCloseTaskWhenRead(tx, runId)
    return true
  })
}
