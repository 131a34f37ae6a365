import type { Queries } from '@millrace/store/open-store.ts'
import type { OutboxEntry } from '@millrace/store/outbox/work-outbox.ts'
import { addCleanTask } from '@millrace/store/tasks/add-clean-task.ts'
import type { Logger } from '@millrace/telemetry/logger.ts'

/** Brings about what an entry of the outbox asks for, in the transaction that marks it as done. */
export async function effectOf(tx: Queries, entry: OutboxEntry, log: Logger): Promise<void> {
  switch (entry.kind) {
    case 'run_ended':
      return addCleanTask(tx, entry.payload as { runId: string })
    default:
      // Of a newer version that was rolled back: waiting for it would hold up all that follows.
      log.warn({ entry: entry.id, kind: entry.kind }, 'outbox entry of an unknown kind left out')
  }
}
