import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'
import type { Problem, SyncDecision } from '../schema.ts'
import { lockSync } from './lock-sync.ts'
import { wakeSync } from './wake-sync.ts'

/** How a sync that waits for a person goes on without beginning anew. */
export type SyncChoice = 'confirm_deletes' | 'continue'

export type DecisionOutcome = 'decided' | 'nothing_to_decide' | 'not_found'

/**
 * Notes what a person has decided and lets the sync start runs again. `confirm_deletes` answers `needs_confirmation`,
 * for the number of deletes that was shown; `continue` answers `schema_changed`, for the schema that was shown. Anything
 * else is `nothing_to_decide` and changes nothing. A decision is kept until a run succeeds, so the two may follow each other.
 */
export async function decideSync(
  db: Queries,
  request: { readonly projectId: string; readonly syncId: string; readonly choice: SyncChoice },
): Promise<DecisionOutcome> {
  return inTransaction(db, async (tx) => {
    const sync = await lockSync(tx, request)
    if (!sync) return 'not_found'
    const decided = sync.state === 'needs_attention' && sync.reason ? decisionOf(request.choice, sync.reason) : null
    if (!decided) return 'nothing_to_decide'
    await wakeSync(tx, sync.id, { ...sync.decision, ...decided })
    return 'decided'
  })
}

/** null when the choice does not answer the problem. */
function decisionOf(choice: SyncChoice, { code, details = {} }: Problem): SyncDecision | null {
  if (choice === 'confirm_deletes') {
    const { deletes } = details
    return code === 'needs_confirmation' && typeof deletes === 'number' ? { confirmedDeletes: deletes } : null
  }
  const { schemaFingerprint, mayContinue } = details
  if (code !== 'schema_changed' || mayContinue === false) return null
  return typeof schemaFingerprint === 'string' ? { acceptedSchema: schemaFingerprint } : null
}
