import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'
import { createRun } from '../runs/create-run.ts'
import { runOfKey } from '../runs/run-of-key.ts'
import type { Problem, SyncState } from '../schema.ts'
import { decideSync, type SyncChoice } from './decide-sync.ts'
import { lockSync } from './lock-sync.ts'
import { resyncSync } from './resync-sync.ts'

export type DecidedRun =
  | {
      readonly outcome: 'started'
      readonly runId: string
      /** false = the idempotency key has made this decision and run before. */
      readonly created: boolean
      readonly before: { readonly state: SyncState; readonly reason: Problem | null }
    }
  | { readonly outcome: 'nothing_to_decide'; readonly reason: Problem | null }
  | { readonly outcome: 'not_mirrored' | 'not_found' }

/**
 * Takes a person's decision about a mirrored sync and starts the run that follows it, in one transaction: there is no decision
 * without its run. Throws StoreError `run_open_exists`, and `sync_not_active` while the destination asks for a person.
 */
export async function startDecidedRun(
  db: Queries,
  request: {
    readonly projectId: string
    readonly syncId: string
    readonly choice: SyncChoice | 'resync'
    readonly idempotencyKey?: string | undefined
  },
): Promise<DecidedRun> {
  const { syncId, choice, idempotencyKey } = request
  return inTransaction(db, async (tx) => {
    // Locked first: a repeated request waits for the first one and finds its run.
    const sync = await lockSync(tx, request)
    if (!sync) return { outcome: 'not_found' }
    const before = { state: sync.state, reason: sync.reason }
    const same = idempotencyKey === undefined ? undefined : await runOfKey(tx, syncId, idempotencyKey)
    if (same !== undefined) return { outcome: 'started', runId: same, created: false, before }
    if (sync.mode !== 'mirror') return { outcome: 'not_mirrored' }
    if (choice === 'resync') await resyncSync(tx, request)
    else if ((await decideSync(tx, { ...request, choice })) !== 'decided')
      return { outcome: 'nothing_to_decide', reason: sync.state === 'needs_attention' ? sync.reason : null }
    const key = idempotencyKey === undefined ? {} : { idempotencyKey }
    const run = await createRun(tx, { syncId, trigger: 'manual', ...key })
    return { outcome: 'started', ...run, before }
  })
}
