import { sql } from 'kysely'
import { appendAudit } from '../audit/append-audit.ts'
import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'

export const triggersAnHour = 5
const action = 'sync.trigger'

export type TriggerClaim = { readonly allowed: true } | { readonly allowed: false; readonly retryAfterS: number }

/**
 * Takes one of the five triggers an hour of a sync, by the store's clock, and notes it in the audit log, which is what is
 * counted: any number of processes that ask at once are given five together. Guide: "API Triggers".
 */
export async function claimTrigger(
  db: Queries,
  { syncId, actor, requestId }: { readonly syncId: string; readonly actor: string; readonly requestId?: string },
): Promise<TriggerClaim> {
  return inTransaction(db, async (tx) => {
    await tx.selectFrom('syncs').select('id').where('id', '=', syncId).forUpdate().execute()
    const object = `sync:${syncId}`
    const claims = await tx
      .selectFrom('audit')
      .select(sql<number>`ceil(extract(epoch from at + interval '1 hour' - clock_timestamp()))::int`.as('freeInS'))
      .where('object', '=', object)
      .where('action', '=', action)
      .where('at', '>', sql<Date>`clock_timestamp() - interval '1 hour'`)
      .orderBy('id', 'desc')
      .limit(triggersAnHour)
      .execute()
    const oldest = claims[triggersAnHour - 1]
    if (oldest) return { allowed: false, retryAfterS: Math.max(1, oldest.freeInS) }
    await appendAudit(tx, { actor, action, object, ...(requestId === undefined ? {} : { requestId }) })
    return { allowed: true }
  })
}
