import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'
import type { Problem } from '../schema.ts'
import { replaceAttention } from './replace-attention.ts'

/**
 * Says why a project's destination takes nothing until a person acts, which stops its syncs from starting runs; null = it
 * is in order again, and so are they. Open runs stay and go on then. Safe to repeat.
 */
export async function setProjectAttention(
  db: Queries,
  { projectId, attention }: { readonly projectId: string; readonly attention: Problem | null },
): Promise<void> {
  await inTransaction(db, (tx) => replaceAttention(tx, projectId, attention))
}
