import { appendAudit } from '@millrace/store/audit/append-audit.ts'
import type { Queries } from '@millrace/store/open-store.ts'
import type { FastifyRequest } from 'fastify'
import type { ApiContext } from '../api-context.ts'

export type Change<T> = {
  readonly result: T
  readonly action: string
  readonly object: string
  readonly before?: unknown
  readonly after?: unknown
}

/** Makes a change and its audit entry in one transaction: there is none without the other. null = nothing was changed. */
export async function audited<T>(
  context: ApiContext,
  request: FastifyRequest,
  work: (tx: Queries) => Promise<Change<T> | null>,
): Promise<T | null> {
  return context.db.transaction().execute(async (tx) => {
    const change = await work(tx)
    if (change === null) return null
    const { result, ...entry } = change
    await appendAudit(tx, { actor: request.account.username, requestId: request.id, ...entry })
    return result
  })
}
