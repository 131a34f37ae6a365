import { jsonText } from '../json-text.ts'
import type { Queries } from '../open-store.ts'

/** Notes, in the caller's transaction, what is to be done once it has committed. The scheduler works it off, in order. */
export async function addToOutbox(
  tx: Queries,
  entry: { readonly kind: string; readonly payload: unknown },
): Promise<void> {
  await tx
    .insertInto('outbox')
    .values({ kind: entry.kind, payload: jsonText(entry.payload) })
    .execute()
}
