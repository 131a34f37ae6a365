import { sql } from 'kysely'
import { inTransaction } from '../in-transaction.ts'
import type { Queries } from '../open-store.ts'

export type SourcePruning = {
  /** Of sources deleted before, what is left in the warehouse is given up, since nobody lets us in any more, it seems. */
  readonly giveUpBefore: Date
}

/** What was given up: the ids of runs that may have left something in their warehouse, for a person to look at. */
export type PrunedSources = { readonly givenUp: readonly string[] }

/**
 * Removes the secrets of deleted sources that no clean-up needs any more, and ends clean-ups that have failed for too long.
 * Safe to repeat.
 */
export async function pruneSources(db: Queries, { giveUpBefore }: SourcePruning): Promise<PrunedSources> {
  return inTransaction(db, async (tx) => {
    const { rows } = await sql<{ id: string }>`
      update runs set cleaned_at = now() from sources source
      where source.id = runs.source_id and source.deleted_at < ${giveUpBefore} and runs.cleaned_at is null
      returning runs.id`.execute(tx)
    const givenUp = rows.map(({ id }) => id)
    await sql`
      update run_tasks set state = 'done', lease_until = null, updated_at = now()
      where run_id = any(${givenUp}) and kind = 'clean' and state <> 'done'`.execute(tx)
    await dropUnneededSecrets(tx)
    return { givenUp }
  })
}

/** Of one deleted source, or of all: secrets go unless a run of the source is still to be cleaned up. */
export async function dropUnneededSecrets(tx: Queries, sourceId: string | null = null): Promise<void> {
  await sql`
    delete from secrets using sources source
    where secrets.owner = 'source:' || source.id and source.deleted_at is not null
      and (${sourceId}::text is null or source.id = ${sourceId})
      and not exists (select from runs run where run.source_id = source.id and run.cleaned_at is null)`.execute(tx)
}
