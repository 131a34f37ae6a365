import type { Queries } from '../open-store.ts'

/** The run of a sync that an idempotency key has made. */
export async function runOfKey(db: Queries, syncId: string, key: string): Promise<string | undefined> {
  const run = await db
    .selectFrom('runs')
    .select('id')
    .where('sync_id', '=', syncId)
    .where('idempotency_key', '=', key)
    .executeTakeFirst()
  return run?.id
}
