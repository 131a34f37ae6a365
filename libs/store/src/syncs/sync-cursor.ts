import type { Queries } from '../open-store.ts'

/** Where a sync's next run begins, as its warehouse understands it; null = from the beginning, and for no such sync. */
export async function syncCursor(
  db: Queries,
  { projectId, syncId }: { readonly projectId: string; readonly syncId: string },
): Promise<{ readonly hi: string | null; readonly pin: Readonly<Record<string, unknown>> } | null> {
  const sync = await db
    .selectFrom('syncs')
    .select('cursor')
    .where('id', '=', syncId)
    .where('project_id', '=', projectId)
    .executeTakeFirst()
  return (sync?.cursor ?? null) as Awaited<ReturnType<typeof syncCursor>>
}
